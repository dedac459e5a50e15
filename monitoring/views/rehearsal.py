"""Rehearsing a dead letter: what its group's handlers would do, rolled back."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from events.errors import Refused
from events.operations import Rehearsal, rehearse_letter
from events.queries import dead_letter as letter_query
from monitoring.access import Role, requires
from monitoring.acting import actor_of
from monitoring.missing import missing
from monitoring.requests import PageRequest


@require_POST
@requires(Role.OPERATOR, to="rehearse dead letters")
def rehearse(request: PageRequest, pk: int) -> HttpResponse:
    """Run the handlers, roll everything back, and say what it would have come to."""
    letter = letter_query.brief(pk)
    if letter is None:
        return missing(request, "dead letter", pk)
    found: Rehearsal | None = None
    refused = ""
    try:
        found = rehearse_letter(actor_of(request), pk)
    except Refused as refusal:
        refused = str(refusal)
    context = {"letter": letter, "found": found, "refused": refused}
    name = "rehearsal/_rehearsal.html" if request.htmx else "rehearsal.html"
    # htmx would not put another status into the page.
    status = 409 if refused and not request.htmx else 200
    return render(request, name, context, status=status)
