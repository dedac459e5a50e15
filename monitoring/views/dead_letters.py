"""Dead letters: failures by fingerprint, one failure, and the replay of some."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from pydantic import AwareDatetime, BaseModel, Field

from events.errors import Refused
from events.operations import (
    DISCARD,
    RESTORE,
    Decision,
    decide,
    propose_replay,
    replay_dead_letters,
)
from events.queries import dead_letter as letter_query
from events.queries import dead_letters as query
from events.queries import groups, operations
from events.queries.letter_filter import LetterFilter
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.excerpts import excerpt, pretty_json
from monitoring.formats import counted
from monitoring.missing import missing
from monitoring.requests import PageRequest

OPERATIONS_SHOWN = 3
"""Newest operations under the list."""

REASON_LENGTH = 500


class Asked(BaseModel):
    """What to list, as the address says it."""

    state: query.Shown = "open"
    group: Annotated[str, Field(max_length=100)] = ""
    failure: Annotated[str, Field(max_length=16)] = ""
    """A fingerprint: list its dead letters singly."""
    before: int | None = None

    def link(self, **changed: str | int | None) -> str:
        """The query string of a list that differs in what is given."""
        told = self.model_dump(exclude_none=True, exclude_defaults=True)
        wanted = {**told, "before": None, **changed}
        return "?" + urlencode({n: v for n, v in wanted.items() if v not in (None, "")})


class Frozen(BaseModel):
    """Dead letters by what they have in common, as a page showed them."""

    group: Annotated[str, Field(max_length=100)] = ""
    failure: Annotated[str, Field(max_length=16)] = ""
    as_of: AwareDatetime
    """When the page was made."""


class Chosen(BaseModel):
    """What a replay is asked for."""

    id: tuple[int, ...] = ()
    reason: Annotated[str, Field(max_length=REASON_LENGTH)] = ""


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Failures, or the dead letters of one when the address names its fingerprint."""
    asked = params.read(Asked, request.GET)
    context = {
        "asked": asked,
        "as_of": now(),
        "tabs": [(state, asked.link(state=state, failure="")) for state in query.STATES],
        "groups": groups.names(),
        "totals": query.totals(),
        "may_not": may_not(request, Role.OPERATOR, "replay"),
        "operations": operations.newest(OPERATIONS_SHOWN, asked.group),
    }
    if asked.failure:
        page = query.letters(asked.state, asked.group, asked.failure, asked.before)
        context |= {
            "page": page,
            "older": asked.link(before=page.older_than) if page.older_than else "",
            "back": asked.link(failure=""),
        }
        return render(request, "dead_letters/failure.html", context)
    context["failures"] = query.failures(asked.state, asked.group)
    return render(request, "dead_letters.html", context)


@require_safe
def dead_letter(request: HttpRequest, pk: int) -> HttpResponse:
    """One failure."""
    found = letter_query.load(pk)
    if found is None:
        return missing(request, "dead letter", pk)
    context = {
        "view": found,
        "letter": found.letter,
        "payload": excerpt(pretty_json(found.data)),
        "may_not": may_not(request, Role.OPERATOR, "replay"),
        "may_not_discard": may_not(request, Role.OPERATOR, "discard or restore"),
    }
    return render(request, "dead_letter.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="replay dead letters")
def replay(request: PageRequest) -> HttpResponse:
    """GET states what a replay would do; POST asks for it and leads to its outcome."""
    if request.method == "POST":
        return _replay(request, params.read(Chosen, request.POST))
    return _confirm(request, params.read(Chosen, request.GET))


@require_POST
@requires(Role.OPERATOR, to="replay dead letters")
def propose(request: HttpRequest) -> HttpResponse:
    """Freeze everything that was shown as a draft, whose page states what it would do."""
    asked = params.read(Frozen, request.POST)
    chosen = LetterFilter(group=asked.group, fingerprint=asked.failure)
    try:
        operation = propose_replay(actor_of(request), chosen, asked.as_of)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("dead-letters")
    return redirect("operation", pk=operation.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="discard dead letters")
def discard(request: PageRequest) -> HttpResponse:
    """Close dead letters without handling them: GET states what that means, POST does it."""
    return _decide(request, DISCARD)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="restore dead letters")
def restore(request: PageRequest) -> HttpResponse:
    """Open discarded dead letters again."""
    return _decide(request, RESTORE)


def _decide(request: PageRequest, decision: Decision) -> HttpResponse:
    posted = request.method == "POST"
    chosen = params.read(Chosen, request.POST if posted else request.GET)
    refused = ""
    if posted:
        try:
            count = decide(actor_of(request), chosen.id, chosen.reason, decision)
        except Refused as refusal:
            refused = str(refusal)
        else:
            messages.success(request, f"{counted(count, 'dead letter')} {decision.done}.")
            single = len(chosen.id) == 1
            return redirect("dead-letter", pk=chosen.id[0]) if single else redirect("dead-letters")
    context = {
        "decision": decision,
        "choice": letter_query.choice(chosen.id, decision.takes, decision.verb),
        "reason": chosen.reason,
        "refused": refused,
        "reason_length": REASON_LENGTH,
    }
    status = (409 if chosen.reason else 422) if refused else 200
    return render(request, "dead_letters/decide.html", context, status=status)


def _replay(request: PageRequest, chosen: Chosen) -> HttpResponse:
    try:
        operation = replay_dead_letters(actor_of(request), chosen.id, chosen.reason)
    except Refused as refused:
        return _confirm(request, chosen, str(refused), status=409 if chosen.reason else 422)
    to = redirect("operation", pk=operation.pk)
    return HttpResponseClientRedirect(to.url) if request.htmx else to


def _confirm(
    request: PageRequest, chosen: Chosen, refused: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "plan": letter_query.plan(chosen.id),
        "reason": chosen.reason,
        "refused": refused,
        "reason_length": REASON_LENGTH,
    }
    name = "dead_letters/_replay.html" if request.htmx else "dead_letters/replay.html"
    return render(request, name, context, status=status)
