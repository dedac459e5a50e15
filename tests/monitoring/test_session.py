import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.monitoring.users import signed_in, user

pytestmark = pytest.mark.django_db


def ada() -> User:
    made = user("viewer")
    made.set_password("a long enough one")
    made.save()
    return made


def test_signing_in_leads_to_where_one_wanted_to_go() -> None:
    ada()

    answer = Client().post(
        "/login/", {"username": "ada", "password": "a long enough one", "next": "/live/"}
    )

    assert answer.headers["Location"] == "/live/"


def test_a_wrong_password_is_said_without_saying_which_part_was_wrong() -> None:
    ada()

    answer = Client().post("/login/", {"username": "ada", "password": "wrong"})

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_signing_in_leads_to_no_other_site() -> None:
    ada()

    answer = Client().post(
        "/login/",
        {"username": "ada", "password": "a long enough one", "next": "https://evil.example/"},
    )

    assert answer.headers["Location"] == "/"


def test_somebody_signed_in_is_led_on() -> None:
    assert signed_in().get("/login/").headers["Location"] == "/"


def test_signing_out_needs_a_post_and_ends_the_session() -> None:
    client = signed_in()

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_the_theme_is_kept_in_a_cookie_that_scripts_cannot_read() -> None:
    answer = Client().post("/theme/", {"theme": "dark", "next": "/live/?q=a"})

    assert answer.headers["Location"] == "/live/?q=a"
    assert answer.cookies["astra_theme"].value == "dark"
    assert answer.cookies["astra_theme"]["httponly"]


def test_the_theme_kept_is_drawn_at_once() -> None:
    client = Client()
    client.post("/theme/", {"theme": "dark"})

    assert '<html lang="en" data-theme="dark">' in client.get("/login/").content.decode()


def test_the_theme_of_the_system_is_the_default() -> None:
    client = Client()
    client.post("/theme/", {"theme": "dark"})
    client.post("/theme/", {"theme": "system"})

    assert '<html lang="en">' in client.get("/login/").content.decode()


@pytest.mark.parametrize("sent", [{"theme": "pink"}, {}])
def test_a_theme_nobody_knows_is_refused(sent: dict[str, str]) -> None:
    assert Client().post("/theme/", sent).status_code == 400


def test_the_theme_button_leads_to_no_other_site() -> None:
    answer = Client().post("/theme/", {"theme": "dark", "next": "//evil.example/"})

    assert answer.headers["Location"] == "/"


def test_a_cookie_somebody_tampered_with_is_ignored() -> None:
    client = Client()
    client.cookies["astra_theme"] = '"><script>'

    assert '<html lang="en">' in client.get("/login/").content.decode()
