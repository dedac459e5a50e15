"""The processes that are alive."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitoring.readings import readings


@require_safe
def workers(request: HttpRequest) -> HttpResponse:
    """Every process heard of lately; open tabs get the table anew by websocket."""
    return render(request, "workers.html", {"snapshot": readings.current()})
