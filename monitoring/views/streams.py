"""Streams, the least room first, and one stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import BaseModel, Field

from events.errors import BusUnavailable
from events.queries import streams as query
from events.queries.snapshot import StreamState
from monitoring import params, stream_rows
from monitoring.headroom import rooms, tightest
from monitoring.missing import missing
from monitoring.readings import readings
from monitoring.requests import PageRequest

ROWS = 100
"""Streams on one page: a thousand rows would take longer than its budget."""

HINTS = (
    "Each version of a registered event type has a stream of its own; the page Streams lists them.",
)


class Asked(BaseModel):
    """What to list, as the address says it."""

    q: Annotated[str, Field(max_length=200)] = ""
    domain: Annotated[str, Field(max_length=60)] = ""
    start: Annotated[int, Field(ge=0)] = 0

    def link(self, start: int) -> str:
        """The query string of the page that begins there."""
        told = self.model_dump(exclude_defaults=True) | {"start": start}
        return "?" + urlencode({name: value for name, value in told.items() if value})


@require_safe
def streams(request: PageRequest) -> HttpResponse:
    """The list."""
    asked = params.read(Asked, request.GET)
    snapshot = readings.current()
    found = stream_rows.rows(snapshot, asked.q, asked.domain)
    end = asked.start + ROWS
    shown = found[asked.start : end]
    memory = _memory([row.state for row in shown])
    context = {
        "asked": asked,
        "snapshot": snapshot,
        "domains": sorted({stream.domain for stream in snapshot.streams}),
        "found": found,
        "rows": [(row, memory.get(row.state.name)) for row in shown],
        "tightest": tightest(row.room for row in found if row.room),
        "short": sum(row.short for row in found),
        "unknown_rooms": stream_rows.unknown_rooms(shown),
        "set_up": any(stream.info for stream in snapshot.streams),
        "before": asked.link(max(0, asked.start - ROWS)) if asked.start else "",
        "after": asked.link(end) if end < len(found) else "",
        "filtered": bool(asked.q or asked.domain),
    }
    return render(request, "streams/_list.html" if request.htmx else "streams.html", context)


@require_safe
def stream(request: HttpRequest, name: str) -> HttpResponse:
    """One stream: what it holds, and where each group stands on it."""
    snapshot = readings.current()
    found = query.load(name, snapshot)
    if found is None:
        return missing(request, "stream", name, HINTS)
    room_of = rooms(snapshot)
    context = {
        "snapshot": snapshot,
        "stream": found,
        "row": stream_rows.row(found.state, room_of, stream_rows.arriving(snapshot)),
        "places": [(place, room_of.get((name, place.group))) for place in found.places],
        "rates": stream_rows.hour(name),
        "memory_bytes": _memory([found.state]).get(name),
        "away": snapshot.bus.reason,
    }
    if found.state.info:
        try:
            context["newest"] = query.newest(name)
        except BusUnavailable as error:
            context["away"] = str(error)
    return render(request, "stream.html", context)


def _memory(states: Sequence[StreamState]) -> Mapping[str, int]:
    """What streams take. Those the snapshot did not find are not asked for: a bus that was just
    away is not waited for again."""
    names = [state.name for state in states if state.info]
    try:
        return query.memory_bytes(names) if names else {}
    except BusUnavailable:
        return {}
