"""One operation and what became of each event in its set."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from events.queries import operations as query
from monitoring.missing import missing
from monitoring.requests import PageRequest


@require_safe
def operation(request: PageRequest, pk: int) -> HttpResponse:
    """The page; an open one asks again until nothing is on its way."""
    found = query.load(pk)
    if found is None:
        return missing(request, "operation", pk)
    name = "operation/_operation.html" if request.htmx else "operation.html"
    return render(request, name, {"operation": found})
