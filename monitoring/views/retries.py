"""Retries that wait: per group and error, until when; run now, give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from pydantic import BaseModel, Field

from events.errors import BusUnavailable, Refused
from events.operations import Mended, give_up_retries, run_retries_now
from events.queries import groups
from events.queries import waiting as query
from monitoring import params
from monitoring.access import Role, may_not, requires
from monitoring.acting import actor_of
from monitoring.formats import counted
from monitoring.params import REASON_LENGTH, Reason


class Asked(BaseModel):
    """Whose retries to list."""

    group: Annotated[str, Field(max_length=100)] = ""


class Chosen(BaseModel):
    """What something is asked for."""

    group: Annotated[str, Field(max_length=100)] = ""
    id: tuple[Annotated[str, Field(max_length=100)], ...] = ()
    reason: Reason = ""


@require_safe
def retries(request: HttpRequest) -> HttpResponse:
    """What waits, those due first."""
    asked = params.read(Asked, request.GET)
    context = {
        "asked": asked,
        "groups": groups.names(),
        "may_not": may_not(request, Role.OPERATOR, "run retries now or give them up"),
        "command": "manage.py retries list" + (f" --group {asked.group}" if asked.group else ""),
    }
    try:
        context["waiting"] = query.load(asked.group)
    except BusUnavailable as error:
        context["away"] = str(error)
    return render(request, "retries.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="run retries now")
def run(request: HttpRequest) -> HttpResponse:
    """GET states what running now would do; POST does it."""

    def do(chosen: Chosen) -> Mended:
        return run_retries_now(actor_of(request), chosen.group, chosen.id)

    return _act(request, "run", "made due at once", do)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OPERATOR, to="give up retries")
def give_up(request: HttpRequest) -> HttpResponse:
    """GET states what giving up would do; POST makes dead letters."""

    def do(chosen: Chosen) -> Mended:
        return give_up_retries(actor_of(request), chosen.group, chosen.id, chosen.reason)

    return _act(request, "give up", "given up: now dead letters", do)


def _act(
    request: HttpRequest, verb: str, done: str, do: Callable[[Chosen], Mended]
) -> HttpResponse:
    posted = request.method == "POST"
    chosen = params.read(Chosen, request.POST if posted else request.GET)
    refused = ""
    if posted:
        try:
            mended = do(chosen)
        except Refused as refusal:
            refused = str(refusal)
        else:
            left = f"; {len(mended.left)} waited no more" if mended.left else ""
            count = counted(len(mended.done), "retry", "retries")
            messages.success(request, f"{count} of {chosen.group} {done}{left}.")
            return redirect(f"{reverse('retries')}?group={chosen.group}")
    context = {"verb": verb, "given": chosen, "refused": refused, "reason_length": REASON_LENGTH}
    try:
        context["choice"] = query.choice(chosen.group, chosen.id, verb)
    except BusUnavailable as error:
        context["away"] = str(error)
    no_reason = verb == "give up" and not chosen.reason
    status = (422 if no_reason else 409) if refused else 200
    return render(request, "retries/decide.html", context, status=status)
