from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from events import Context, Event, retries
from events.errors import BusRefused
from events.groups import Group
from events.retries import Retries
from events.transport.base import Failure, RetryLater
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"
FAILURE = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")


class Watch:
    """Two clocks the test moves: Unix time and the process's own."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def time(self) -> float:
        return time.time() + self.ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(retries, "time", SimpleNamespace(time=made.time, monotonic=made.monotonic))
    return made


@pytest.fixture
def wait(bus: Bus, group_of: Callable[..., Group]) -> Callable[..., float]:
    """Let one event of the group wait for a retry; when that is due."""

    def note(event: Event, context: Context) -> None: ...

    def make(group: str = "testers", delay_s: float = 60.0) -> float:
        group_of(note, name=group)
        bus.publish(trade())
        (delivery,) = bus.transport.streams.read(group, "one", [STREAM], 1, 0)
        due_at = time.time() + delay_s
        bus.transport.streams.settle(group, [RetryLater(delivery, due_at, (FAILURE,))])
        return due_at

    return make


def swept(*groups: str) -> Retries:
    """Retries that have just looked after everybody's."""
    made = Retries([(STREAM, group) for group in groups])
    made.promote_due()
    return made


def test_a_retry_is_woken_when_it_is_due_and_not_before(
    watch: Watch, wait: Callable[..., float]
) -> None:
    kept = swept("testers")
    kept.expect(wait(delay_s=2.0), STREAM, "testers")

    assert kept.promote_due() == 0
    watch.ahead_s = 3.0
    assert kept.promote_due() == 1
    assert kept.promote_due() == 0


def test_only_the_groups_whose_retries_are_due_are_asked(
    watch: Watch, wait: Callable[..., float]
) -> None:
    kept = swept("early", "late")
    kept.expect(wait("early", 1.0), STREAM, "early")
    kept.expect(wait("late", 3.0), STREAM, "late")

    watch.ahead_s = 2.0
    assert kept.promote_due() == 1
    watch.ahead_s = 4.0
    assert kept.promote_due() == 1


def test_retries_of_a_process_now_dead_are_found_by_the_next_sweep(
    watch: Watch, wait: Callable[..., float]
) -> None:
    kept = swept("testers")
    wait(delay_s=-1.0)

    assert kept.promote_due() == 0
    watch.ahead_s = retries.SWEEP_EVERY_S
    assert kept.promote_due() == 1


def test_the_first_look_is_a_sweep(wait: Callable[..., float]) -> None:
    wait(delay_s=-1.0)

    assert Retries([(STREAM, "testers")]).promote_due() == 1


def test_everything_due_is_woken_on_demand(wait: Callable[..., float]) -> None:
    kept = swept("testers")
    wait(delay_s=-1.0)

    assert kept.promote_due(everything=True) == 1


def test_groups_of_other_processes_are_left_to_them(wait: Callable[..., float]) -> None:
    wait("others", delay_s=-1.0)

    assert Retries([(STREAM, "testers")]).promote_due(everything=True) == 0


def test_more_than_one_call_wakes_follow_at_the_next_look(
    watch: Watch, wait: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "AT_ONCE", 2)
    kept = swept("testers")
    for _ in range(5):
        kept.expect(wait(delay_s=2.0), STREAM, "testers")
    watch.ahead_s = 3.0

    assert [kept.promote_due() for _ in range(4)] == [2, 2, 1, 0]


def test_a_pair_the_bus_refuses_keeps_no_other_asleep(
    bus: Bus, watch: Watch, wait: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    promote = bus.memory.promote

    def picky(stream: str, group: str, *given: Any) -> int:
        if group == "ill":
            raise BusRefused("WRONGTYPE")
        return promote(stream, group, *given)

    monkeypatch.setattr(bus.memory, "promote", picky)
    wait(group="well", delay_s=0.0)
    watch.ahead_s = 1.0

    assert Retries([(STREAM, "ill"), (STREAM, "well")]).promote_due() == 1
