"""The live tail."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return render(request, "live.html", {})


@require_safe
def gap(request: HttpRequest) -> HttpResponse:
    return render(request, "live/_gap.html", {})
