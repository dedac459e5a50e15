"""How long a session lasts: 30 minutes idle, 12 hours in all."""

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

SIGNED_IN_AT = "_signed_in_at"
TOUCHED_AT = "_touched_at"
TOUCH_EVERY_S = 60
"""A session is written at most this often: a write per request would cost a row lock each."""


class SessionLimits:
    """Ends a session that is 12 hours old and keeps one alive that is used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            if is_over(request.session):
                logout(request)
            elif time.time() - request.session.get(TOUCHED_AT, 0) >= TOUCH_EVERY_S:
                request.session.setdefault(SIGNED_IN_AT, time.time())
                request.session[TOUCHED_AT] = time.time()
        return self.get_response(request)


def is_over(session: MutableMapping[str, Any]) -> bool:
    """Whether a session has reached its absolute age; its idle age is its row's expiry."""
    signed_in_at = session.get(SIGNED_IN_AT)
    return (
        signed_in_at is not None and time.time() - signed_in_at >= settings.SESSION_ABSOLUTE_AGE_S
    )
