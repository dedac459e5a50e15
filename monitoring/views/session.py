"""Signing in and out, and the theme a browser keeps."""

from __future__ import annotations

import time
from typing import Literal

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import BaseModel

from events.operations import note_step_up
from monitoring import live, params
from monitoring.access import changes_nothing, without_role
from monitoring.acting import STEP_UP_S, STEPPED_UP_AT, actor_of

THEME_COOKIE = "astra_theme"
WRONG, MOST_WRONG = "wrong_passwords", 5
"""Session key, and how many wrong passwords in a row end the session."""

THEME_AGE_S = 365 * 24 * 3600


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in form; somebody who is signed in already goes on to the console."""

    redirect_authenticated_user = True


@method_decorator(changes_nothing, name="dispatch")
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


class Asked(BaseModel):
    """Where somebody goes on who wants to do what reaches far."""

    next: str = "/"


@require_http_methods(["GET", "HEAD", "POST"])
@changes_nothing
@sensitive_post_parameters("password")
def step_up(request: HttpRequest) -> HttpResponse:
    """Ask for the password again; the right one counts for some minutes, in this session. Whoever
    gives MOST_WRONG wrong ones in a row is signed out; each answer is in the audit."""
    given = params.read(Asked, request.POST if request.method == "POST" else request.GET)
    back = given.next if _is_here(request, given.next) else "/"
    refused = ""
    if request.method == "POST":
        # Not stripped: a password may begin or end with a blank.
        right = request.user.check_password(request.POST.get("password", ""))
        note_step_up(actor_of(request), right=right)
        if right:
            request.session[STEPPED_UP_AT], request.session[WRONG] = time.time(), 0
            request.session.cycle_key()
            return HttpResponseRedirect(back)
        request.session[WRONG] = request.session.get(WRONG, 0) + 1
        if request.session[WRONG] >= MOST_WRONG:
            user_id = int(request.user.pk or 0)
            auth.logout(request)
            live.recheck_sockets(user_id)
            return redirect(settings.LOGIN_URL)
        refused = "That is not your password. Nothing has happened."
    context = {"next": back, "refused": refused, "minutes": STEP_UP_S // 60}
    return render(request, "registration/step_up.html", context, status=403 if refused else 200)


def _is_here(request: HttpRequest, address: str) -> bool:
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())


class ThemeChoice(BaseModel):
    """What the theme button sends."""

    theme: Literal["light", "dark", "system"]
    next: str = "/"


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme in a cookie, so that the server draws the right one at once."""
    choice = params.read(ThemeChoice, request.POST)
    answer = HttpResponseRedirect(choice.next if _is_here(request, choice.next) else "/")
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
