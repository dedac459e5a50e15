"""The pending explorer: what the consumers of one group hold, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from pydantic import BaseModel, Field

from events.errors import BusUnavailable, Refused
from events.operations import (
    Actor,
    Held,
    Mended,
    bury_pending,
    remove_consumer,
    repair_dangling,
)
from events.operations import hand_back as hand_entries_back
from events.queries import groups
from events.queries import pending as query
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.formats import counted
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason


@dataclass(frozen=True, slots=True)
class Act:
    """What can be done with held entries."""

    verb: str
    done: str
    do: Callable[[Actor, str, list[Held], str], Mended]
    lost: bool = False
    """It is for entries that are gone from their stream, and for no others."""


HAND_BACK = Act("hand back", "handed back", hand_entries_back)
SET_ASIDE = Act("set aside", "set aside: now dead letters", bury_pending)
REPAIR = Act("repair", "repaired", repair_dangling, lost=True)


class Asked(BaseModel):
    """Whose entries to list."""

    consumer: Annotated[str, Field(max_length=200)] = ""


class Chosen(BaseModel):
    """What something is asked for."""

    id: tuple[Annotated[str, Field(max_length=600)], ...] = ()
    reason: Reason = ""

    @property
    def held(self) -> list[Held]:
        """The entries that were named; what is no name of one is left out."""
        return [held for key in self.id if (held := Held.of(key)) is not None]


class Removed(BaseModel):
    """A consumer that is to be removed."""

    consumer: Annotated[str, Field(max_length=200)] = ""
    reason: Reason = ""


@require_safe
def pending(request: HttpRequest, name: str) -> HttpResponse:
    """Entries, lost entries and consumers; looking claims nothing."""
    asked = params.read(Asked, request.GET)
    if name not in groups.names():
        return _missing(request, name)
    context = {
        "name": name,
        "asked": asked,
        "may_not": may_not(request, Role.OPERATOR, "touch what consumers hold"),
    }
    try:
        context["pending"] = query.load(name, asked.consumer)
    except BusUnavailable as error:
        context["away"] = str(error)
    return render(request, "pending.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="hand entries back")
def hand_back(request: HttpRequest, name: str) -> HttpResponse:
    """Let the next sweep take entries over at once."""
    return _act(request, name, HAND_BACK)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="set entries aside")
def dead_letter(request: HttpRequest, name: str) -> HttpResponse:
    """Make dead letters of held entries."""
    return _act(request, name, SET_ASIDE)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="repair lost entries")
def repair(request: HttpRequest, name: str) -> HttpResponse:
    """Acknowledge what is gone from its stream, and note the loss."""
    return _act(request, name, REPAIR)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="remove consumers")
def remove(request: HttpRequest, name: str) -> HttpResponse:
    """Remove a consumer of a process that is gone and holds nothing."""
    posted = request.method == "POST"
    given = params.read(Removed, request.POST if posted else request.GET)
    if name not in groups.names():
        return _missing(request, name)
    refused = ""
    if posted:
        try:
            remove_consumer(actor_of(request), name, given.consumer, given.reason)
        except Refused as refusal:
            refused = str(refusal)
        else:
            messages.success(request, f"The consumer {given.consumer} was removed.")
            return redirect("pending", name=name)
    context = {"name": name, "given": given, "refused": refused, "reason_length": REASON_LENGTH}
    try:
        context["consumer"], context["why_not"] = query.removable(name, given.consumer)
    except BusUnavailable as error:
        context["away"] = str(error)
    return render(request, "pending/remove.html", context, status=_status(refused, given.reason))


def _act(request: HttpRequest, name: str, act: Act) -> HttpResponse:
    posted = request.method == "POST"
    chosen = params.read(Chosen, request.POST if posted else request.GET)
    if name not in groups.names():
        return _missing(request, name)
    refused = ""
    if posted:
        try:
            mended = act.do(actor_of(request), name, chosen.held, chosen.reason)
        except Refused as refusal:
            refused = str(refusal)
        else:
            left = f"; {len(mended.left)} not as shown any more, left alone" if mended.left else ""
            count = counted(len(mended.done), "entry", "entries")
            messages.success(request, f"{count} {act.done}{left}.")
            return redirect("pending", name=name)
    context = {
        "name": name,
        "act": act,
        "given": chosen,
        "refused": refused,
        "reason_length": REASON_LENGTH,
    }
    try:
        context["choice"] = query.choice(name, chosen.id, act.verb, lost=act.lost)
    except BusUnavailable as error:
        context["away"] = str(error)
    return render(request, "pending/decide.html", context, status=_status(refused, chosen.reason))


def _status(refused: str, reason: str) -> int:
    if not refused:
        return 200
    return 409 if reason else 422


def _missing(request: HttpRequest, name: str) -> HttpResponse:
    return missing(request, "group", name, (f"Declared are {', '.join(groups.names())}.",))
