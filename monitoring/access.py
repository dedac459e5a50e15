"""Who may do what: three roles, read from Django's groups; no role, no console."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

View = Callable[..., HttpResponseBase]

READ_ONLY = "The console is read-only: it shows everything and changes nothing (ASTRA_READ_ONLY)."

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class Role(IntEnum):
    """What somebody may do; a higher role may do everything a lower one may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role of a user; None for somebody who is not signed in, disabled, or has none.

    Superusers are admins; the others are what the groups named after the roles make them.
    One SQL statement the first time it is asked of a user object, none after that.
    """
    if not isinstance(user, User) or not user.is_active:
        return None
    if not hasattr(user, "_console_role"):
        user._console_role = _read_role(user)  # type: ignore[attr-defined]
    role: Role | None = user._console_role  # type: ignore[attr-defined]
    return role


async def role_of_session(session_key: str | None) -> Role | None:
    """The present role of whoever a session belongs to; None once they signed out or may not.

    Reads session, user and groups anew: for sockets, which outlive the request that opened them.
    """
    return await sync_to_async(_role_of_session)(session_key)


def requires(role: Role, *, to: str) -> Callable[[View], View]:
    """Let only users of at least `role` call a view; others get 403 and a sentence that says why.

    `to` ends the sentence "... is needed to": "replay dead letters".
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            held = role_of(request.user)
            if held is None or held < role:
                raise PermissionDenied(refusal(role, held, to))
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def operator_required(view: View) -> View:
    """Let only operators and admins call a view."""
    return requires(Role.OPERATOR, to="do this")(view)


def refusal(role: Role, held: Role | None, to: str) -> str:
    """Why somebody may not, in one sentence; also shown beside a disabled button."""
    return f"The role {role} is needed to {to}; yours is {held or 'none'}."


def may_not(request: HttpRequest, role: Role, to: str) -> str:
    """Why this user may not, empty when they may: for a button that would be refused."""
    if read_only():
        return READ_ONLY
    held = role_of(request.user)
    return "" if held and held >= role else refusal(role, held, to)


def read_only() -> bool:
    """Whether the settings say that the console only shows."""
    return bool(settings.ASTRA.get("read_only"))


def changes_nothing(view: View) -> View:
    """Mark a view whose POST is let through while the console is read-only: signing in and out."""
    view.changes_nothing = True  # type: ignore[attr-defined]
    return view


def without_role(view: View) -> View:
    """Mark a view that a signed-in user without any role may call: signing out."""
    view.needs_role = False  # type: ignore[attr-defined]
    return view


class SignInAndRole(LoginRequiredMiddleware):
    """Everything needs a signed-in user with a role, unless its view says otherwise."""

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Answer instead of the view when the user may not call it."""
        answer: HttpResponseBase | None = super().process_view(request, view, args, kwargs)
        if answer is not None or not getattr(view, "login_required", True):
            return answer
        if read_only() and request.method not in SAFE and not hasattr(view, "changes_nothing"):
            return render(request, "405.html", {"sentence": READ_ONLY}, status=405)
        if getattr(view, "needs_role", True) and role_of(request.user) is None:
            raise PermissionDenied(
                "You are signed in, but have no role yet; an admin can make you a viewer or an"
                " operator."
            )
        return None

    def handle_no_permission(self, request: HttpRequest, view: View) -> HttpResponseRedirect:
        """Redirect to the sign-in page; a fragment's request takes the whole page there."""
        answer = super().handle_no_permission(request, view)
        if request.headers.get("HX-Request") == "true":
            # htmx would follow a plain redirect and put the sign-in page into the fragment's place.
            answer.status_code = 200
            answer.headers["HX-Redirect"] = self.get_login_url(view)
            del answer.headers["Location"]
        return answer


def _role_of_session(session_key: str | None) -> Role | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    return role_of(get_user(request))


def _read_role(user: User) -> Role | None:
    if user.is_superuser:
        return Role.ADMIN
    names = set(user.groups.values_list("name", flat=True))
    return max((role for role in Role if str(role) in names), default=None)
