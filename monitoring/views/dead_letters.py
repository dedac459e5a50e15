"""One dead letter; the replay of some, and the discard, chosen one by one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect
from pydantic import BaseModel

from events.errors import Refused
from events.operations import (
    DISCARD,
    RESTORE,
    Decision,
    decide,
    replay_dead_letters,
)
from events.queries import dead_letter as letter_query
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.excerpts import excerpt, pretty_json
from monitoring.formats import counted
from monitoring.missing import missing
from monitoring.params import REASON_LENGTH, Reason
from monitoring.requests import PageRequest


class Chosen(BaseModel):
    """What a replay is asked for."""

    id: tuple[int, ...] = ()
    reason: Reason = ""


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
        "may_not_rehearse": may_not(request, Role.OPERATOR, "rehearse") or found.not_rehearsable,
        "may_not_edit": may_not(request, Role.OPERATOR, "edit and replay") or found.not_editable,
        "may_not_discard": may_not(request, Role.OPERATOR, "discard or restore"),
        "may_not_note": may_not(request, Role.OPERATOR, "look into dead letters"),
    }
    return render(request, "dead_letter.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="replay dead letters")
def replay(request: PageRequest) -> HttpResponse:
    """GET states what a replay would do; POST asks for it and leads to its outcome."""
    if request.method == "POST":
        return _replay(request, params.read(Chosen, request.POST))
    return _confirm(request, params.read(Chosen, request.GET))


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
