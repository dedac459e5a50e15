"""Letting a group go on from another place: seen before it is done, and undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import AwareDatetime, BaseModel, Field

from events import BusUnavailable
from events import operations as acts
from events.errors import Refused
from events.queries import group_again, group_move, groups, leftovers
from monitoring import params
from monitoring.access import Role, requires
from monitoring.acting import actor_of, may_not_step_up, step_up_if_missing
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason
from monitoring.readings import readings
from monitoring.views.events import Instant

PLACES = ("10m", "1h", "start", "end")
"""Offered as links; anything else is typed."""


class Wanted(BaseModel):
    """Where a group is to go on."""

    to: Annotated[str, Field(max_length=60)] = ""
    stream: Annotated[str, Field(max_length=200)] = ""


class Confirmed(Wanted):
    """What was shown, and is to be done."""

    way: tuple[str, ...] = ()
    """Of each stream ``name|before|after``."""
    reason: Reason = ""

    def ways(self) -> list[acts.Way]:
        """Of each stream from where to where."""
        split = (one.split("|") for one in self.way)
        return [acts.Way(*parts) for parts in split if len(parts) == 3]


class Undo(BaseModel):
    """Why a move is undone."""

    reason: Reason = ""


class Range(BaseModel):
    """Of which time a group is to handle again what it has handled."""

    since: Instant | None = None
    until: Instant | None = None


class AgainConfirmed(BaseModel):
    """The same, as it was shown."""

    since: AwareDatetime
    until: AwareDatetime
    as_of: AwareDatetime
    expected: int
    typed: Annotated[str, Field(max_length=100)] = ""
    reason: Reason = ""
    ramp: bool = False


class Detached(BaseModel):
    """How detaching a group is confirmed."""

    expected: int = 0
    typed: Annotated[str, Field(max_length=100)] = ""
    reason: Reason = ""


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="move groups")
def move(request: HttpRequest, name: str) -> HttpResponse:
    """GET shows what moving would do on each stream; POST does exactly that."""
    if request.method != "POST":
        return _preview(request, name, params.read(Wanted, request.GET))
    given = params.read(Confirmed, request.POST)
    try:
        operation = acts.move_group(actor_of(request), name, given.ways(), given.reason, given.to)
    except (Refused, BusUnavailable) as refused:
        status = 409 if given.reason else 422
        return _preview(request, name, given, str(refused), status)
    readings.forget()
    return redirect("operation", pk=operation.pk)


@require_POST
@requires(Role.OPERATOR, to="undo moves of groups")
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a group stand where it stood before a move."""
    try:
        acts.undo_move(actor_of(request), pk, params.read(Undo, request.POST).reason)
    except (Refused, BusUnavailable) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "It stands where it stood before.")
    readings.forget()
    return redirect("operation", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN, to="have groups handle events again")
def again(request: HttpRequest, name: str) -> HttpResponse:
    """GET counts what a group has handled in a range; POST has it handle exactly that again."""
    if request.method != "POST":
        return _again(request, name, params.read(Range, request.GET))
    given = params.read(AgainConfirmed, request.POST)
    try:
        operation = acts.handle_again(
            actor_of(request),
            name,
            group_again.Again(given.since, given.until, given.as_of),
            expected=given.expected,
            typed=given.typed,
            reason=given.reason,
            manner=acts.Manner(ramp=given.ramp),
        )
    except Refused as refused:
        asked = Range(since=given.since, until=given.until)
        status = 409 if given.reason else 422
        return _again(request, name, asked, str(refused), given.reason, status)
    return redirect("operation", pk=operation.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN, to="detach groups")
def detach(request: HttpRequest, name: str) -> HttpResponse:
    """GET shows what waits for a group nobody declares; POST takes it off its streams."""
    refused, reason = "", ""
    if request.method == "POST":
        given = params.read(Detached, request.POST)
        reason = given.reason
        try:
            acts.detach_group(
                actor_of(request),
                name,
                expected=given.expected,
                typed=given.typed,
                reason=given.reason,
            )
        except (Refused, BusUnavailable) as refusal:
            refused = str(refusal)
        else:
            readings.forget()
            messages.success(request, f"{name} is detached.")
            return redirect("groups")
    try:
        found = leftovers.load(name)
    except BusUnavailable as error:
        return missing(request, "group", name, (str(error),))
    if found is None and not refused:
        return missing(request, "group", name, (_why_not_left(name),))
    context = {
        "name": name,
        "leftover": found,
        "refused": refused,
        "reason": reason,
        **_asked_again(request, Role.ADMIN, "detach groups"),
    }
    status = (409 if reason else 422) if refused else 200
    return render(request, "group_detach.html", context, status=status)


def _preview(
    request: HttpRequest, name: str, asked: Wanted, refused: str = "", status: int = 200
) -> HttpResponse:
    if name not in groups.names():
        return missing(request, "group", name, (f"Declared are {', '.join(groups.names())}.",))
    preview = None
    if asked.to:
        try:
            preview = group_move.preview(name, asked.to, asked.stream)
        except (Refused, BusUnavailable) as error:
            refused, status = refused or str(error), status if status != 200 else 422
    context: dict[str, Any] = {
        "name": name,
        "asked": asked,
        "reason": getattr(asked, "reason", ""),
        "preview": preview,
        "refused": refused,
        "places": PLACES,
        "streams": groups.streams(name),
        "may_again": not group_again.why_not_named(name),
        **_asked_again(request, Role.OPERATOR, "move groups"),
    }
    return render(request, "group_move.html", context, status=status)


def _again(
    request: HttpRequest,
    name: str,
    asked: Range,
    refused: str = "",
    reason: str = "",
    status: int = 200,
) -> HttpResponse:
    until = asked.until or timezone.now()
    since = asked.since or until - timedelta(hours=1)
    preview = group_again.preview(name, since, until)
    if preview is None:
        return missing(request, "group", name, (f"Declared are {', '.join(groups.names())}.",))
    context = {
        "name": name,
        "preview": preview,
        "refused": refused,
        "reason": reason,
        **_asked_again(request, Role.ADMIN, "have groups handle events again"),
    }
    return render(request, "group_again.html", context, status=status)


def _asked_again(request: HttpRequest, role: Role, to: str) -> dict[str, object]:
    """Why a button is disabled, and where the password is asked for again."""
    may_not = may_not_step_up(request, role, to)
    back = request.get_full_path() if request.method in ("GET", "HEAD") else request.path
    return {
        "may_not": may_not,
        "step_up": step_up_if_missing(request, may_not, role, back),
        "reason_length": REASON_LENGTH,
    }


def _why_not_left(name: str) -> str:
    if name in groups.names():
        return f"{name} is declared by an installed app: only groups nobody declares are detached."
    return f"No group {name} stands on any stream. See {reverse('groups')}."
