"""Answers to requests that cannot be served, where Django's own say too little."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 with the sentence that says which parameter is wrong and how."""
    return render(request, "400.html", {"reason": str(exception)}, status=400)
