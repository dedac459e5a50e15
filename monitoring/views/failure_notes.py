"""What operators say of failures and of single dead letters."""

from __future__ import annotations

from typing import Annotated, Literal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from events.errors import Refused
from events.operations import look_into, note_failure, silence_failure
from events.queries import dead_letter as letter_query
from monitoring import params
from monitoring.access import Role, requires
from monitoring.acting import actor_of
from monitoring.missing import missing
from monitoring.params import Reason
from monitoring.silences import SILENCES

Text = Annotated[str, Field(max_length=10_000)]


class Named(BaseModel):
    """A failure."""

    group: Annotated[str, Field(max_length=100)] = ""
    failure: Annotated[str, Field(max_length=16)] = ""


class Noted(Named):
    """Whose it is, and what is known."""

    owner: Text = ""
    note: Text = ""


class Silenced(Named):
    """For how long; empty ends a silence."""

    length: Literal["", "1h", "4h", "1d", "7d", "30d"] = ""
    reason: Reason = ""


class LookedInto(BaseModel):
    """What becomes of one dead letter."""

    state: Literal["investigating", "new"]
    owner: Text = ""
    note: Text = ""


@require_POST
@requires(Role.OPERATOR, to="note failures")
def note(request: HttpRequest) -> HttpResponse:
    """Keep owner and note of a failure."""
    given = params.read(Noted, request.POST)
    try:
        note_failure(actor_of(request), given.group, given.failure, given.owner, given.note)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Kept, for everybody to see.")
    return _back(given)


@require_POST
@requires(Role.OPERATOR, to="silence failures")
def silence(request: HttpRequest) -> HttpResponse:
    """Silence a failure for a while, or end that."""
    given = params.read(Silenced, request.POST)
    lengths = {name: length for name, _, length in SILENCES}
    until = now() + lengths[given.length] if given.length else None
    try:
        silence_failure(actor_of(request), given.group, given.failure, until, given.reason)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        told = "It is not among what needs attention until then." if until else "It is heard again."
        messages.success(request, told)
    return _back(given)


@require_POST
@requires(Role.OPERATOR, to="look into dead letters")
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that somebody looks into one dead letter, or no longer does."""
    given = params.read(LookedInto, request.POST)
    if letter_query.load(pk) is None:
        return missing(request, "dead letter", pk)
    try:
        look_into(actor_of(request), pk, given.state, given.owner, given.note)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("dead-letter", pk=pk)


def _back(given: Named) -> HttpResponse:
    query = {"group": given.group, "failure": given.failure}
    return redirect(reverse("dead-letters", query=query))
