from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver, reverse

from monitoring.access import Role, operator_required, refusal, role_of
from tests.monitoring.users import signed_in, user

pytestmark = pytest.mark.django_db

OPEN = {"login", "theme"}
"""What anybody may ask for."""

ARGUMENTS: dict[str, Any] = {
    "event_id": "01a1fc6f-fe6e-7234-bda3-6a9299b7972a",
    "correlation_id": "01a1fc6f-fe6e-7234-bda3-6a9299b7972a",
    "domain": "trading",
    "entity_id": "nobody",
    "name": "nothing",
    "pk": 1,
}


def pages(besides: set[str]) -> list[tuple[str, str]]:
    """Every named address of ours, besides some."""
    found = []
    for pattern in get_resolver("monitoring.urls").url_patterns:
        assert isinstance(pattern, URLPattern)
        names = pattern.pattern.converters
        arguments = {name: ARGUMENTS[name] for name in names}
        if pattern.name in besides:
            continue
        found.append((str(pattern.name), reverse(str(pattern.name), kwargs=arguments)))
    return found


@pytest.mark.parametrize(
    ("role", "expected"),
    [("viewer", Role.VIEWER), ("operator", Role.OPERATOR), ("admin", Role.ADMIN), ("", None)],
)
def test_roles_come_from_groups_and_superusers_are_admins(role: str, expected: Role | None) -> None:
    assert role_of(user(role)) == expected


def test_somebody_disabled_or_not_signed_in_has_no_role() -> None:
    disabled = user("operator")
    disabled.is_active = False

    assert role_of(disabled) is None
    assert role_of(AnonymousUser()) is None


@pytest.mark.parametrize(("name", "address"), pages(besides=OPEN))
def test_nobody_sees_a_page_without_signing_in(name: str, address: str) -> None:
    answer = Client().get(address)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


@pytest.mark.parametrize(("name", "address"), pages(besides=OPEN | {"logout"}))
def test_nobody_sees_a_page_without_a_role(name: str, address: str) -> None:
    answer = signed_in("").get(address)

    assert answer.status_code == 403
    assert "have no role yet" in answer.content.decode()


def test_somebody_without_a_role_may_sign_out() -> None:
    assert signed_in("").post("/logout/").status_code == 302


def test_a_fragment_asked_for_after_the_session_ended_takes_the_page_to_the_sign_in() -> None:
    answer = Client(headers={"HX-Request": "true"}).get("/")

    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/login/"


@operator_required
def act(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_operators_and_admins_may_act(role: str) -> None:
    request = RequestFactory().post("/")
    request.user = user(role)

    assert act(request).status_code == 200


def test_a_viewer_is_refused_with_the_reason() -> None:
    request = RequestFactory().post("/")
    request.user = user("viewer")

    with pytest.raises(
        PermissionDenied, match="role operator is needed to do this; yours is viewer"
    ):
        act(request)


def test_a_refusal_names_what_it_refuses() -> None:
    assert refusal(Role.OPERATOR, None, "replay") == (
        "The role operator is needed to replay; yours is none."
    )
