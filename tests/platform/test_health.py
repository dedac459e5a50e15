"""GET /health and GET /health/live."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import django.db
import pytest
from django.test import Client

from events import transport
from events.envelope import Event, now
from events.errors import BusUnavailable
from events.models import StoredEvent
from events.pressure import gauge
from events.queries import health
from events.queries.health import Finding, Probe, take_health
from events.transport.base import ServerInfo, WorkerInfo
from tests.bus_fixture import Bus

ADDRESS = "redis://secret@bus.internal:6379"


class DeadBus:
    """A read side whose server is gone."""

    def server(self) -> NoReturn:
        raise BusUnavailable(ADDRESS)

    workers = server


@pytest.fixture
def healthy(bus: Bus) -> Bus:
    """A bus with one live worker."""
    worker = WorkerInfo("host:1:a", "worker", "host", 1, "0", now(), now())
    bus.transport.presence.beat(worker, ttl_s=30)
    return bus


def asked(path: str = "/health", **headers: str) -> tuple[int, dict[str, Any]]:
    response = Client().get(path, headers=headers)
    return response.status_code, response.json()


def test_all_is_well(healthy: Bus) -> None:
    status, said = asked()

    assert status == 200
    assert said == {
        "status": "ok",
        "checks": {
            "sql": {"status": "ok"},
            "bus": {"status": "ok"},
            "relay": {"status": "ok", "waiting": 0, "oldest_s": 0.0},
            "workers": {"status": "ok", "alive": 1},
        },
    }


def test_without_a_worker_the_console_is_degraded_and_serves(bus: Bus) -> None:
    status, said = asked()

    assert status == 200
    assert said["status"] == "degraded"
    assert said["checks"]["workers"] == {
        "status": "failed",
        "alive": 0,
        "reason": "No worker is alive.",
    }


def test_without_the_bus_the_console_is_degraded_and_tells_nothing_of_the_inside(
    healthy: Bus,
) -> None:
    gone = replace(healthy.transport, inspector=DeadBus())

    with transport.using(gone):
        status, said = asked()

    assert status == 200
    assert said["status"] == "degraded"
    failed = {"status": "failed", "reason": "The bus server does not answer."}
    assert said["checks"]["bus"] == said["checks"]["workers"] == failed


def test_events_that_wait_long_for_the_bus_show(healthy: Bus) -> None:
    healthy.publish(Event.new("User.SessionStarted", session()))
    StoredEvent.objects.update(relayed_at=None, stored_at=now() - timedelta(seconds=90))

    _, said = asked()

    assert said["status"] == "degraded"
    assert said["checks"]["relay"]["waiting"] == 1
    assert said["checks"]["relay"]["oldest_s"] >= 90
    assert said["checks"]["relay"]["reason"] == "Accepted events wait to reach the bus."


def test_a_bus_with_little_room_says_why_events_wait(
    healthy: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerInfo("memory", "1", 85, 100, 0, "noeviction")
    monkeypatch.setattr(healthy.memory, "server", lambda: server)
    gauge.forget()

    _, said = asked()

    assert said["status"] == "degraded"
    assert said["checks"]["relay"]["reason"].startswith("The bus has little room: the relay goes")


def test_without_sql_it_is_unavailable(healthy: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> NoReturn:
        raise django.db.OperationalError("database is locked: /secret/place")

    monkeypatch.setitem(health.PROBES, "sql", Probe(locked))

    status, said = asked()

    assert status == 503
    assert said["checks"]["sql"] == {
        "status": "failed",
        "reason": "The database does not answer.",
    }


def test_a_check_that_hangs_is_given_up_and_not_begun_again(
    healthy: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = [], threading.Event()

    def hang() -> Finding:
        begun.append(1)
        release.wait(30)
        return Finding(ok=True)

    monkeypatch.setitem(health.PROBES, "bus", Probe(hang))

    first, second = take_health(limit_s=0.05), take_health(limit_s=0.05)
    release.set()

    assert first.checks["bus"] == second.checks["bus"] == Finding(False, "No answer in time.")
    assert len(begun) == 1


def test_a_check_with_a_fault_of_its_own_fails_alone(
    healthy: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setitem(health.PROBES, "workers", Probe(broken))

    found = take_health()

    assert [name for name, check in found.checks.items() if not check.ok] == ["workers"]


def test_being_alive_needs_neither_sql_nor_bus() -> None:
    assert asked("/health/live") == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/health", "/health/live"])
def test_probes_may_ask_by_any_address(healthy: Bus, path: str) -> None:
    assert asked(path, host="10.1.2.3:8000")[0] == 200


@pytest.mark.parametrize("path", ["/health", "/health/live"])
def test_only_reading_is_allowed(path: str) -> None:
    assert Client().post(path).status_code == 405


def session() -> dict[str, Any]:
    return {"user_id": 1, "session_id": "s-1", "device": "phone", "ip": None}
