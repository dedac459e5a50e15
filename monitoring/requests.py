"""The request as the middleware leaves it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """A request that knows whether htmx sent it, and for which part of the page."""

    htmx: HtmxDetails
