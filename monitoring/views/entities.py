"""One entity: its history, and its state rebuilt from it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from events.queries import entity as query
from monitoring import params
from monitoring.missing import missing
from monitoring.requests import PageRequest
from monitoring.views.events import HINTS, Instant


class Asked(BaseModel):
    """The instant and the page of the history, as the address says them."""

    at: Instant | None = None
    before: int | None = None
    after: int | None = None

    def link(self, **place: int | None) -> str:
        """The query string of another page of the same history."""
        at = {"at": self.at.isoformat()} if self.at else {}
        return "?" + urlencode({**at, **{n: v for n, v in place.items() if v is not None}})


@require_safe
def entity(request: PageRequest, domain: str, entity_id: str) -> HttpResponse:
    """Everything that happened to it in a domain, and what that comes to."""
    asked = params.read(Asked, request.GET)
    found = query.load(domain, entity_id, asked.at, asked.before, asked.after)
    if found is None:
        return missing(request, "entity", f"{domain}/{entity_id}", HINTS)
    context: dict[str, Any] = {
        "view": found,
        "most": query.MOST_FOLDED,
        "paged": asked.before is not None or asked.after is not None,
        "older": asked.link(before=found.page.older_than) if found.page.older_than else "",
        "newer": asked.link(after=found.page.newer_than) if found.page.newer_than else "",
        "first": asked.link(),
    }
    return render(request, "entity.html", context)
