"""Consumer groups, worst first, one group, and pausing it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel

from events import operations as acts
from events.errors import Refused
from events.queries import groups as query
from events.queries import leftovers
from monitoring import group_rows, params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.headroom import least, rooms
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason
from monitoring.readings import readings


class Why(BaseModel):
    """The reason given for an action."""

    reason: Reason = ""


@require_safe
def groups(request: HttpRequest) -> HttpResponse:
    """All groups; open tabs get the table anew by websocket."""
    snapshot = readings.current()
    context = {
        "snapshot": snapshot,
        "rows": group_rows.rows(snapshot),
        "leftovers": leftovers.names(snapshot),
        "may_not_detach": may_not(request, Role.ADMIN, "detach groups"),
    }
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
        "may_not_move": may_not(request, Role.OPERATOR, "move groups"),
        "may_not_pause": may_not(request, Role.OPERATOR, "pause or resume groups"),
        "reason_length": REASON_LENGTH,
    }
    return render(request, "group.html", context)


@require_POST
@requires(Role.OPERATOR, to="pause groups")
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Have its workers stand still; its page tells when they do."""
    return _act(request, name, acts.pause_group)


@require_POST
@requires(Role.OPERATOR, to="resume groups")
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let it go on where it stands."""
    return _act(request, name, acts.resume_group)


def _act(
    request: HttpRequest, name: str, act: Callable[[acts.Actor, str, str], object]
) -> HttpResponse:
    """Do it and show the group, with the refusal if it was one."""
    try:
        act(actor_of(request), name, params.read(Why, request.POST).reason)
    except Refused as refused:
        messages.error(request, str(refused))
    readings.forget()
    return redirect("group", name=name)
