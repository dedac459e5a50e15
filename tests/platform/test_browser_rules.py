"""What every answer tells the browser, and how long a session lasts."""

import time

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from astra_console.sessions import SIGNED_IN_AT, TOUCHED_AT

ADMIN = "/admin/"
CSP = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self' ws://localhost:8000 ws://127.0.0.1:8000",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}


@pytest.fixture
def signed_in(db: None) -> Client:
    """A browser in which an administrator is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada", password="x"))
    return client


def test_a_page_may_load_nothing_from_elsewhere(signed_in: Client) -> None:
    policy = signed_in.get(ADMIN)["Content-Security-Policy"]

    assert {part.strip() for part in policy.split(";")} == CSP


def test_a_page_cannot_be_embedded_cached_or_sniffed(signed_in: Client) -> None:
    headers = signed_in.get(ADMIN).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in headers["Permissions-Policy"]


def test_a_session_ends_after_twelve_hours_however_busy(signed_in: Client) -> None:
    assert signed_in.get(ADMIN).status_code == 200
    session = signed_in.session
    session[SIGNED_IN_AT] = time.time() - settings.SESSION_ABSOLUTE_AGE_S
    session.save()

    response = signed_in.get(ADMIN)

    assert response.status_code == 302
    assert "_auth_user_id" not in signed_in.session


def test_use_keeps_a_session_alive_without_a_write_per_request(signed_in: Client) -> None:
    signed_in.get(ADMIN)
    first = signed_in.session[TOUCHED_AT]
    signed_in.get(ADMIN)
    assert signed_in.session[TOUCHED_AT] == first

    session = signed_in.session
    session[TOUCHED_AT] = first - 61
    session.save()
    response = signed_in.get(ADMIN)

    assert signed_in.session[TOUCHED_AT] >= first
    assert response.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 30 * 60


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(signed_in: Client) -> None:
    cookie = signed_in.get(ADMIN).cookies[settings.SESSION_COOKIE_NAME]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
