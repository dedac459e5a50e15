"""Operations: what was asked for, and what became of each event in its set."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel, Field

from events import operations as acts
from events.errors import Refused
from events.queries import groups, letter_edit, moved, shadow
from events.queries import operations as query
from events.queries.operation_plan import plan_of
from events.queries.operations import OperationView
from monitoring import params
from monitoring.access import Role, requires
from monitoring.acting import (
    actor_of,
    may_not_of_size,
    may_not_step_up,
    step_up_if_missing,
)
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason
from monitoring.requests import PageRequest

MOVES = {"pause": acts.pause, "resume": acts.resume, "cancel": acts.cancel}

WORDS: dict[str, dict[str, str]] = {
    acts.SHADOW: {
        "handled": "would be handled",
        "failed again": "would fail",
        "not sent": "to come",
    },
    acts.NEW_EVENTS: {
        "handled": "said again",
        "failed again": "failed",
        "with the group": "with the groups",
        "not sent": "to come",
    },
}
"""Results of a mode in its own words."""

STATES = ("", "running", "paused", "stopped", "cancelled", "done", "draft")


class Listed(BaseModel):
    """Which operations, as the address says it."""

    group: Annotated[str, Field(max_length=100)] = ""
    state: Literal["running", "paused", "stopped", "cancelled", "done", "draft", ""] = ""
    before: int | None = None

    def link(self, **changed: str | int | None) -> str:
        """The query string of a list that differs in what is given."""
        wanted = {**self.model_dump(), "before": None, **changed}
        return "?" + urlencode({name: value for name, value in wanted.items() if value})


class Shown(BaseModel):
    """Which of its events."""

    result: query.Result | None = None
    after: int = 0


class Begun(BaseModel):
    """How a draft is confirmed."""

    reason: Reason = ""
    ramp: bool = False
    stop_percent: Annotated[int, Field(ge=0, le=100)] = 10
    typed: Annotated[str, Field(max_length=100)] = ""
    """The name of the group or the number of events, where that is asked for."""
    rate: Annotated[float, Field(ge=0.1, le=10_000)] | None = None


class Moved(BaseModel):
    """What is to become of one that is under way."""

    move: Literal["pause", "resume", "cancel"]
    reason: Reason = ""


@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """All operations, newest first."""
    asked = params.read(Listed, request.GET)
    rows = query.newest(query.OPERATIONS_SHOWN + 1, asked.group, asked.state, before=asked.before)
    shown = rows[: query.OPERATIONS_SHOWN]
    context = {
        "asked": asked,
        "operations": shown,
        "older": asked.link(before=shown[-1].id) if len(rows) > len(shown) else "",
        "tabs": [(state or "all", asked.link(state=state), state) for state in STATES],
        "groups": groups.names(),
    }
    return render(request, "operations.html", context)


@require_safe
def operation(request: PageRequest, pk: int) -> HttpResponse:
    """The page; an open one asks again until nothing is on its way."""
    asked = params.read(Shown, request.GET)
    found = query.load(pk, asked.result, asked.after)
    if found is None:
        return missing(request, "operation", pk)
    if found.draft:
        return _draft(request, found, Begun(ramp=found.total > 1))
    move_made = moved.load(pk)
    may_not = (
        may_not_step_up(request, Role.OPERATOR, "undo moves of groups")
        if move_made
        else may_not_of_size(request, found.total, "pause, resume or cancel")
    )
    may_not_resume, role = may_not, Role.OPERATOR
    if not may_not and (to := acts.FOR_ADMINS.get(found.mode)):
        may_not_resume, role = may_not_step_up(request, Role.ADMIN, to), Role.ADMIN
    context: dict[str, Any] = {
        "operation": found,
        "moved": move_made,
        "may_not": may_not,
        "may_not_resume": may_not_resume,
        "results": _results(found, asked),
        "shadow": shadow.load(pk) if found.mode == acts.SHADOW else None,
        "edits": letter_edit.edits_of_operation(pk),
        "older": _link(asked.result, found.older) if found.older else "",
        "step_up": step_up_if_missing(request, may_not_resume, role, request.path),
        "reason_length": REASON_LENGTH,
    }
    name = "operation/_operation.html" if request.htmx else "operation.html"
    return render(request, name, context)


@require_POST
@requires(Role.OPERATOR, to="begin operations")
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm a draft: exactly its set goes on its way."""
    given = params.read(Begun, request.POST)
    manner = acts.Manner(given.ramp, given.stop_percent, given.rate)
    try:
        acts.begin(actor_of(request), pk, given.reason, manner, given.typed)
    except Refused as refused:
        found = query.load(pk)
        if found is None or not found.draft:
            messages.error(request, str(refused))
            return redirect("operations")
        status = 409 if given.reason else 422
        return _draft(request, found, given, str(refused), status)
    return redirect("operation", pk=pk)


@require_POST
@requires(Role.OPERATOR, to="withdraw drafts")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Throw a draft away."""
    try:
        acts.withdraw(actor_of(request), pk)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("operation", pk=pk)
    messages.success(request, "The draft was thrown away; nothing has happened.")
    return redirect("dead-letters")


@require_POST
@requires(Role.OPERATOR, to="pause, resume or cancel operations")
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause, resume or cancel."""
    given = params.read(Moved, request.POST)
    try:
        MOVES[given.move](actor_of(request), pk, given.reason)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("operation", pk=pk)


def _draft(
    request: HttpRequest, found: OperationView, given: Begun, refused: str = "", status: int = 200
) -> HttpResponse:
    decision = acts.DECISIONS.get(found.kind)
    verb = decision.verb if decision else "replay"
    role = Role.ADMIN if found.mode in acts.FOR_ADMINS else Role.OPERATOR
    if role == Role.ADMIN:
        refusal = may_not_step_up(request, role, acts.FOR_ADMINS[found.mode])
    else:
        refusal = may_not_of_size(request, found.total, verb)
    context: dict[str, Any] = {
        "operation": found,
        "decision": decision,
        "plan": None if decision else plan_of(found.id),
        "given": given,
        "to_type": acts.to_type(found.mode, found.group, found.total),
        "refused": refused,
        "reason_length": REASON_LENGTH,
        "may_not": refusal,
        "step_up": step_up_if_missing(
            request, refusal, role, reverse("operation", args=[found.id])
        ),
    }
    return render(request, "operation.html", context, status=status)


def _results(found: OperationView, asked: Shown) -> list[tuple[str, int, str, bool]]:
    """Tabs over the outcomes there are."""
    tabs: list[tuple[str, int, str, bool]] = [("all", found.total, "?", asked.result is None)]
    words = WORDS.get(found.mode, {})
    for result, count in found.counts.items():
        tabs += [(words.get(result, result), count, _link(result), asked.result == result)]
    return tabs


def _link(result: query.Result | None, after: int | None = None) -> str:
    given = {"result": result, "after": after}
    return "?" + urlencode({name: value for name, value in given.items() if value})
