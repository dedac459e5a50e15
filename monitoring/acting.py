"""Who acts in a request, and the password given again before what reaches far."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from events.operations import MOST_WITHOUT_STEP_UP, Actor
from monitoring.access import Role, may_not, role_of

STEP_UP_S = 300
"""How long a password that was given again counts, in this session alone."""

STEPPED_UP_AT = "stepped_up_at"
"""Session key: Unix time."""


def actor_of(request: HttpRequest) -> Actor:
    """The user of a request, with what they may do at this moment."""
    held = role_of(request.user)
    return Actor(
        request.user.get_username(),
        "console",
        may_operate=held is not None and held >= Role.OPERATOR,
        may_admin=held == Role.ADMIN,
        stepped_up=stepped_up(request),
    )


def stepped_up(request: HttpRequest) -> bool:
    """Whether the password was given again in the last STEP_UP_S."""
    at = request.session.get(STEPPED_UP_AT)
    return isinstance(at, int | float) and 0 <= time.time() - at < STEP_UP_S


def step_up_link(request: HttpRequest, back: str = "") -> str:
    """The page that asks for the password again and leads back, here unless told otherwise."""
    return f"{reverse('step-up')}?{urlencode({'next': back or request.get_full_path()})}"


def step_up_if_missing(request: HttpRequest, refused: str, role: Role, back: str = "") -> str:
    """The same link where nothing but the password is missing; empty where it would not help."""
    if not refused or stepped_up(request) or may_not(request, role, ""):
        return ""
    return step_up_link(request, back)


def may_not_of_size(request: HttpRequest, count: int, verb: str) -> str:
    """Why this user may not do it to so many, empty when they may: for a button's title."""
    refused = may_not(request, Role.OPERATOR, verb)
    if refused or count <= MOST_WITHOUT_STEP_UP or stepped_up(request):
        return refused
    return f"To {verb} more than {MOST_WITHOUT_STEP_UP} at a time your password is asked for again."


def may_not_step_up(request: HttpRequest, role: Role, to: str) -> str:
    """Why this user may not do what always needs the password again, empty when they may."""
    refused = may_not(request, role, to)
    if refused or stepped_up(request):
        return refused
    return f"To {to} your password is asked for again."
