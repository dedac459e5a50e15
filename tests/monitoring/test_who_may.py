"""Every address that changes something, whoever asks: refused, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse
from pytest_django import Settings

from events.models import AuditEntry, Operation
from monitoring import urls
from tests.bus_fixture import Bus

PLACES: dict[str, Any] = {"int": 1, "uuid": UUID(int=1), "string": "x", "path": "x"}
"""A value for each kind of thing an address names."""

OPEN = {"login", "logout", "theme", "step-up"}
"""Change nothing but one's own session."""


def addresses() -> Iterator[tuple[str, str]]:
    """Name and path of every page of the console."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        kinds = pattern.pattern.converters
        given = {
            name: PLACES[type(kind).__name__.removesuffix("Converter").lower()]
            for name, kind in kinds.items()
        }
        yield str(pattern.name), reverse(str(pattern.name), kwargs=given)


EVERY = sorted(addresses())


@pytest.fixture
def admin(bus: Bus) -> Client:
    """Somebody who may everything but what needs the password again."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def posted(client: Client) -> dict[str, int]:
    """The answer of every address that takes a POST at all."""
    answers = {name: client.post(path).status_code for name, path in EVERY if name not in OPEN}
    return {name: status for name, status in answers.items() if status != 405}


def nothing_happened() -> bool:
    return not AuditEntry.objects.exists() and not Operation.objects.exists()


def test_nobody_who_is_not_signed_in_changes_anything(bus: Bus) -> None:
    answers = {name: Client().post(path) for name, path in EVERY if name not in OPEN}

    assert {answer.status_code for answer in answers.values()} == {302}
    assert all(answer["Location"].startswith("/login/") for answer in answers.values())
    assert nothing_happened()


def test_a_viewer_changes_nothing(viewer: Client) -> None:
    answers = posted(viewer)

    assert len(answers) > 20
    assert set(answers.values()) == {403}, answers
    assert nothing_happened()


def test_while_the_console_is_read_only_nobody_changes_anything(
    admin: Client, settings: Settings
) -> None:
    takes_a_post = posted(admin)
    AuditEntry.objects.all().delete()
    settings.ASTRA = {**settings.ASTRA, "read_only": True}

    answers = {name: admin.post(path).status_code for name, path in EVERY if name in takes_a_post}

    assert set(answers.values()) == {405}, answers
    assert nothing_happened()


@pytest.mark.parametrize("name", ["group-detach", "group-again"])
def test_what_only_admins_may_is_refused_to_operators(operator: Client, name: str) -> None:
    path = dict(EVERY)[name]

    assert operator.post(path).status_code == 403
    assert nothing_happened()
