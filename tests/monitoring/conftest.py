"""Browsers of people with a role, and a fresh snapshot for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from monitoring.readings import readings
from tests.bus_fixture import Bus
from tests.events.conftest import group_of
from tests.failing import broken

__all__ = ["broken", "group_of"]

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def fresh_readings() -> Iterator[None]:
    """What one test saw is not what the next one sees."""
    readings.forget()
    yield
    readings.forget()


@pytest.fixture
def viewer(bus: Bus) -> Client:
    """Somebody who may look."""
    return _signed_in("vera", "viewer")


@pytest.fixture
def operator(bus: Bus) -> Client:
    """Somebody who may replay."""
    return _signed_in("olga", "operator")


def _signed_in(name: str, role: str) -> Client:
    user = User.objects.create_user(name, password="secret-" + name)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return client
