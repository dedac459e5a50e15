"""Search: a pasted id lands on its page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from pydantic import BaseModel, Field

from events.queries.events import split_entity
from events.queries.find import Found, Match, find
from monitoring import params

PAGES = {
    "event": "event",
    "chain": "chain",
    "dead letter": "dead-letter",
    "operation": "operation",
    "group": "group",
    "stream": "stream",
    "type": "event-type",
}
"""What was found -> the URL name of its page, which takes its key."""


class Asked(BaseModel):
    """What was typed; longer than any id there is is refused."""

    q: Annotated[str, Field(max_length=400)] = ""


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Go to the one thing the text names, or list what it may be and what was tried."""
    asked = params.read(Asked, request.GET)
    found = find(asked.q) if asked.q else Found("", (), (), ())
    if found.only:
        return redirect(address(found.only))
    context = {
        "search": asked.q,
        "found": found,
        "exact": [(match, address(match)) for match in found.exact],
        "near": [(match, address(match)) for match in found.near],
    }
    return render(request, "search.html", context)


def address(match: Match) -> str:
    """Where a match is shown; an id that several domains know has the list of its events."""
    if match.kind == "entity" and match.domain:
        return reverse("entity", args=[match.domain, split_entity(match.key)[1]])
    if match.kind == "entity":
        wanted = {"entity": match.key, "domain": match.domain}
        return f"{reverse('events')}?{urlencode({n: v for n, v in wanted.items() if v})}"
    return reverse(PAGES[match.kind], args=[match.key])
