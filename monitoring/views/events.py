"""Stored events: the list with its filters, and one event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import AfterValidator, BaseModel, Field

from events.queries import event as event_query
from events.queries import events as query
from events.queries import types
from monitoring import params
from monitoring.excerpts import excerpt, pretty_json
from monitoring.missing import missing
from monitoring.requests import PageRequest

HINTS = (
    "An event is stored when its publisher's transaction commits; one that was only sent is not.",
    "Events older than the retention are removed.",
)


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]
"""A time from a form; without a zone it is UTC, as all times on the pages."""


class Asked(BaseModel):
    """The filter and the page, as the address says them."""

    type: Annotated[str, Field(max_length=200)] = ""
    domain: Annotated[str, Field(max_length=60)] = ""
    entity: Annotated[str, Field(max_length=200)] = ""
    since: Instant | None = None
    until: Instant | None = None
    before: int | None = None
    after: int | None = None

    def chosen(self) -> query.EventFilter:
        """The filter alone; ``user:123`` asks for the user 123, ``123`` for anything so called."""
        label, entity_id = query.split_entity(self.entity)
        return query.EventFilter(
            event_type=self.type,
            domain=self.domain,
            entity_id=entity_id,
            entity_label=label,
            since=self.since,
            until=self.until,
        )

    def link(self, **place: int | None) -> str:
        """The query string of another page of the same list."""
        told = self.model_dump(exclude_none=True, exclude_defaults=True, mode="json")
        kept = {name: value for name, value in told.items() if name not in ("before", "after")}
        return "?" + urlencode({**kept, **{n: v for n, v in place.items() if v is not None}})


@require_safe
def events(request: PageRequest) -> HttpResponse:
    """The list, newest first."""
    asked = params.read(Asked, request.GET)
    chosen = asked.chosen()
    page = query.page(chosen, older_than=asked.before, newer_than=asked.after)
    context = {
        "asked": asked,
        "page": page,
        "filtered": not chosen.empty,
        "paged": asked.before is not None or asked.after is not None,
        "older": asked.link(before=page.older_than) if page.older_than else "",
        "newer": asked.link(after=page.newer_than) if page.newer_than else "",
        "first": asked.link(),
        "to_history": asked.link(),
        "anything": bool(page.rows) or query.any_stored(),
        "catalogue": types.catalogue(),
        "type_known": not asked.type or types.known(asked.type),
    }
    return render(request, "events/_list.html" if request.htmx else "events.html", context)


@require_safe
def event(request: PageRequest, event_id: UUID) -> HttpResponse:
    """One event; beside the tail when the side panel asks for it."""
    found = event_query.load(event_id)
    beside = request.htmx.target == "side"
    if found is None:
        if beside:
            return render(request, "event/_not_stored.html", {"key": event_id})
        return missing(request, "event", event_id, HINTS)
    context = {"view": found, "payload": excerpt(pretty_json(found.record.data))}
    return render(request, "event/_side.html" if beside else "event.html", context)


@require_safe
def event_json(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The envelope as a file, sensitive values masked."""
    found = event_query.load(event_id)
    if found is None:
        return JsonResponse({"error": f"There is no event {event_id}."}, status=404)
    answer = JsonResponse(found.as_json(), json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="event-{event_id}.json"'
    return answer
