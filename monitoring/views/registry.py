"""The event types: the catalogue, and one type."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from pydantic import BaseModel, Field

from events.queries import types as query
from monitoring import params
from monitoring.excerpts import pretty_json
from monitoring.missing import missing
from monitoring.requests import PageRequest


class Asked(BaseModel):
    """What to list, as the address says it."""

    q: Annotated[str, Field(max_length=200)] = ""
    domain: Annotated[str, Field(max_length=60)] = ""
    owner: Annotated[str, Field(max_length=60)] = ""


@require_safe
def registry(request: PageRequest) -> HttpResponse:
    """The catalogue."""
    asked = params.read(Asked, request.GET)
    context = {
        "asked": asked,
        "catalogue": query.catalogue(asked.q, asked.domain, asked.owner),
        "filtered": asked != Asked(),
    }
    return render(request, "registry/_list.html" if request.htmx else "registry.html", context)


@require_safe
def event_type(request: HttpRequest, name: str) -> HttpResponse:
    """One type; an alias leads to the name it stands for."""
    found = query.load(name)
    if found is None:
        return missing(request, "event type", name)
    if name not in (found.entry.name, f"{found.entry.name}.v{found.entry.version}"):
        return redirect("event-type", name=found.entry.name)
    context = {"view": found, "example": pretty_json(found.entry.example)}
    return render(request, "event_type.html", context)
