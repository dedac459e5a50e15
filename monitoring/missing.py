"""The page for an id that names nothing: what was looked for, and where else to look."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def missing(
    request: HttpRequest, what: str, key: object, hints: Sequence[str] = ()
) -> HttpResponse:
    """A 404 that helps: `what` is "chain", `hints` are sentences about why it may be absent."""
    context = {"what": what, "key": key, "hints": hints, "search": str(key)}
    return render(request, "missing.html", context, status=404)
