"""One chain: who caused what, who handled it, what is missing."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from events.queries import chain as query
from events.queries.chain_json import as_json
from monitoring import params
from monitoring.excerpts import excerpt, pretty_json
from monitoring.missing import missing
from monitoring.requests import PageRequest

HINTS = (
    "The chain has the correlation id of its first event; any of its events leads to it.",
    "Events older than the retention are removed, and their chains with them.",
)


class Shown(BaseModel):
    """What the address may say."""

    tab: Literal["tree", "json"] = "tree"
    unfold: tuple[str, ...] = ()
    seen: str = ""
    """Fingerprint of what an open tab shows already."""


@require_safe
def chain(request: PageRequest, correlation_id: UUID) -> HttpResponse:
    """The page; an open one asks again until the chain is complete, and gets 204 for no change."""
    shown = params.read(Shown, request.GET)
    found = query.load(correlation_id, frozenset(shown.unfold))
    if found is None:
        return missing(request, "chain", correlation_id, HINTS)
    if request.htmx and shown.seen == found.fingerprint and found.refresh_s:
        return HttpResponse(status=204)
    context = {
        "chain": found,
        "shown": shown,
        "json": excerpt(pretty_json(as_json(found))) if shown.tab == "json" else None,
    }
    return render(request, "chain/_chain.html" if request.htmx else "chain.html", context)


@require_safe
def chain_json(request: HttpRequest, correlation_id: UUID) -> HttpResponse:
    """The whole chain as a file."""
    found = query.load(correlation_id)
    if found is None:
        return JsonResponse({"error": f"There is no chain {correlation_id}."}, status=404)
    answer = JsonResponse(as_json(found), json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="chain-{correlation_id}.json"'
    return answer
