"""Signing in and out, and the theme a browser keeps."""

from __future__ import annotations

from typing import Literal

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from pydantic import BaseModel

from monitoring import live, params
from monitoring.access import without_role

THEME_COOKIE = "astra_theme"
THEME_AGE_S = 365 * 24 * 3600


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in form; somebody who is signed in already goes on to the console."""

    redirect_authenticated_user = True


@method_decorator(without_role, name="dispatch")
class SignOut(LogoutView):
    """Ends the session and every websocket opened with it."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Sign out, then let open sockets look at their session again."""
        user_id = request.user.pk
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if user_id is not None:
            live.recheck_sockets(user_id)
        return answer


class ThemeChoice(BaseModel):
    """What the theme button sends."""

    theme: Literal["light", "dark", "system"]
    next: str = "/"


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme in a cookie, so that the server draws the right one at once."""
    choice = params.read(ThemeChoice, request.POST)
    safe = url_has_allowed_host_and_scheme(choice.next, {request.get_host()}, request.is_secure())
    answer = HttpResponseRedirect(choice.next if safe else "/")
    if choice.theme == "system":
        answer.delete_cookie(THEME_COOKIE)
        return answer
    answer.set_cookie(
        THEME_COOKIE,
        choice.theme,
        max_age=THEME_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return answer
