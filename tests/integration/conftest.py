from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.bus_fixture import Bus
from tests.integration.deployment import Deployment, deployed
from tests.servers import BusServer


@pytest.fixture
def deployment(tmp_path: Path, own_valkey: BusServer) -> Iterator[Deployment]:
    """An empty deployment; nothing runs yet but the bus server."""
    with deployed(tmp_path, own_valkey) as made:
        yield made


@pytest.fixture
def on_postgresql(
    bus: Bus, postgres_url: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """PostgreSQL, migrated and empty, in place of the database of the other tests."""
    usual = connections.databases["default"]
    given = dict(dj_database_url.parse(postgres_url))
    with django_db_blocker.unblock():
        connections.close_all()
        connections.databases["default"] = {**usual, **given, "OPTIONS": {}}
        del connections["default"]
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()
        connections.databases["default"] = usual
        del connections["default"]
