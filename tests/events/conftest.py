"""Groups of a test's own, beside the declared ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from events import groups
from events.envelope import Event
from events.groups import Group, Handler, set_up
from events.retry import RetryPolicy
from events.worker import Worker
from tests.bus_fixture import Bus

Started = Callable[..., Worker]

TRADE = "Trading.TradeExecuted"


def trade(value: str = "1500.00", user_id: int = 123, **envelope: Any) -> Event:
    """A valid trade."""
    return Event.new(TRADE, {"user_id": user_id, "symbol": "STRK", "value": value}, **envelope)


@pytest.fixture
def group_of(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Group]:
    """Make a group of one or more functions that read trades, declared and set up on the bus."""

    def make(*functions: Callable[..., None], name: str = "testers", **declared: Any) -> Group:
        policy = RetryPolicy(max_retries=declared.pop("max_retries", 3), base_s=5.0)
        handlers = tuple(
            Handler(function, name, "trading", (TRADE,), policy=policy, **declared)
            for function in functions
        )
        for number, handler in enumerate(handlers):
            monkeypatch.setitem(groups._handlers, f"{name} {number}", handler)
        group = Group(name, "trading", handlers)
        set_up(bus.transport.streams, [group])
        return group

    return make


@pytest.fixture
def brisk(settings: Settings) -> None:
    """Short waits and leases; one event a transaction."""
    quick = {"block_ms": 20, "lease_s": 0.3, "heartbeat_s": 0.05, "batch_budget_ms": 0.000_001}
    settings.ASTRA = {**settings.ASTRA, **quick}


@pytest.fixture
def started(bus: Bus, brisk: None) -> Iterator[Started]:
    """Start workers in threads of their own; all are stopped in the end."""
    made: list[tuple[Worker, threading.Thread]] = []

    def start(*groups: Group) -> Worker:
        worker = Worker(list(groups), report=lambda line: None)
        thread = threading.Thread(target=worker.run, name=worker.name)
        thread.start()
        made.append((worker, thread))
        return worker

    yield start
    bus.memory.down = ""
    for worker, _ in made:
        worker.stop()
    for _, thread in made:
        thread.join(10)
        assert not thread.is_alive()
