"""The event types: the catalogue, and one type."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from pydantic import BaseModel, Field

from events.queries import observed, types
from events.queries.type_names import meant
from monitoring import access, params
from monitoring.access import Role
from monitoring.excerpts import pretty_json
from monitoring.flow_map import flow_map
from monitoring.missing import missing
from monitoring.readings import readings
from monitoring.requests import PageRequest
from monitoring.stream_rows import hour

ROWS = 100
"""Types on one page: a thousand rows would take longer than its budget."""


class Asked(BaseModel):
    """What to list, as the address says it."""

    q: Annotated[str, Field(max_length=200)] = ""
    domain: Annotated[str, Field(max_length=60)] = ""
    owner: Annotated[str, Field(max_length=60)] = ""
    seen: types.Traffic = "any"
    start: Annotated[int, Field(ge=0)] = 0

    def link(self, start: int) -> str:
        """The query string of the page that begins there."""
        told = self.model_dump(exclude_defaults=True) | {"start": start}
        return "?" + urlencode({name: value for name, value in told.items() if value})


@require_safe
def registry(request: PageRequest) -> HttpResponse:
    """The catalogue."""
    asked = params.read(Asked, request.GET)
    filtered = asked.model_copy(update={"start": 0}) != Asked()
    catalogue = types.catalogue(asked.q, asked.domain, asked.owner, asked.seen, observed.seen())
    end = asked.start + ROWS
    context = {
        "asked": asked,
        "catalogue": catalogue,
        "rows": catalogue.rows[asked.start : end],
        "before": asked.link(max(0, asked.start - ROWS)) if asked.start else "",
        "after": asked.link(end) if end < len(catalogue.rows) else "",
        "filtered": filtered,
        "unregistered": () if filtered or asked.start else observed.unregistered(),
    }
    return render(request, "registry/_list.html" if request.htmx else "registry.html", context)


@require_safe
def event_type(request: HttpRequest, name: str) -> HttpResponse:
    """One type; an alias leads to the name it stands for, and so does a name without its domain
    that fits one type."""
    found = types.load(name)
    if found is None:
        if short := meant(name):
            return redirect("event-type", name=short.name)
        return missing(request, "event type", name)
    if name not in (found.entry.name, found.entry.label):
        return redirect("event-type", name=found.entry.name)
    context = {
        "view": found,
        "name": found.entry.label,
        "may_not": access.may_not(request, Role.OPERATOR, "publish test events"),
        "example": pretty_json(found.entry.example),
        "observed": observed.observed(found.entry.name),
        "changes": types.changes(found),
        "rates": hour(found.entry.stream),
    }
    return render(request, "event_type.html", context)


@require_safe
def flow(request: HttpRequest) -> HttpResponse:
    """Who says and hears what, with the rates of now."""
    return render(request, "flow.html", {"map": flow_map(readings.current())})
