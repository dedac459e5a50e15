"""Publish a test event of a type: a form made from its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, Field

from events.errors import InvalidEvent
from events.operations import Actor, publish_test_event
from events.queries import type_form, types
from events.queries.types import TypeView
from monitoring import params
from monitoring.access import Role, requires
from monitoring.missing import missing


class Asked(BaseModel):
    """The stored event the form starts from; without one it is the type's example."""

    event: UUID | None = Field(default=None, alias="from")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="publish test events")
def publish(request: HttpRequest, name: str) -> HttpResponse:
    """GET shows the form; POST publishes, and leads to the event or back with what is wrong."""
    found = types.load(name)
    if found is None:
        return missing(request, "event type", name)
    if request.method == "POST":
        return _publish(request, found)
    asked = params.read(Asked, request.GET)
    if asked.event is None:
        return _form(request, found, found.entry.example)
    values = type_form.values_of_event(found.entry, asked.event)
    if values is None:
        return missing(request, f"{found.entry.name} event", asked.event)
    return _form(request, found, values)


def _publish(request: HttpRequest, found: TypeView) -> HttpResponse:
    sent = {field.name: str(request.POST.get(field.name, "")) for field in found.fields}
    data, wrong = type_form.payload(found.entry, sent)
    if not wrong:
        actor = Actor(request.user.get_username(), "console", may_operate=True)
        try:
            event = publish_test_event(actor, found.entry.label, data)
        except InvalidEvent as error:
            wrong = type_form.by_field(error.problems)
        else:
            return redirect("event", event_id=event.event_id)
    return _form(request, found, sent, wrong)


def _form(
    request: HttpRequest,
    found: TypeView,
    values: Mapping[str, Any],
    wrong: Mapping[str, str] | None = None,
) -> HttpResponse:
    context = {
        "view": found,
        "inputs": type_form.inputs(found.entry, values, wrong),
        "wrong": (wrong or {}).get("", ""),
        "refused": bool(wrong),
    }
    return render(request, "publish.html", context, status=422 if wrong else 200)
