"""Consumer groups, worst first, and one group."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from events.queries import groups as query
from monitoring import group_rows
from monitoring.headroom import least, rooms
from monitoring.missing import missing
from monitoring.readings import readings


@require_safe
def groups(request: HttpRequest) -> HttpResponse:
    """All groups; open tabs get the table anew by websocket."""
    snapshot = readings.current()
    context = {"snapshot": snapshot, "rows": group_rows.rows(snapshot)}
    return render(request, "groups.html", context)


@require_safe
def group(request: HttpRequest, name: str) -> HttpResponse:
    """One group: what it declares and where it stands."""
    snapshot = readings.current()
    found = query.load(name, snapshot)
    if found is None:
        return missing(request, "group", name, (f"Declared are {', '.join(query.names())}.",))
    room_of = rooms(snapshot)
    context = {
        "snapshot": snapshot,
        "group": found,
        "row": group_rows.row(snapshot, name),
        "room": least(room_of, name),
        "places": [(place, room_of.get((place.stream, name))) for place in found.places],
    }
    return render(request, "group.html", context)
