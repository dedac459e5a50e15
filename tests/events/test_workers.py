"""Workers as classes: each kind through a real worker on the bus."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from events import (
    BatchWorker,
    Context,
    Event,
    EventWorker,
    Reject,
    ScheduledWorker,
    workers,
)
from events import (
    groups as declared,
)
from events.errors import BusUnavailable, ConfigurationError
from events.groups import group, jobs, set_up
from events.models import DeadLetter, HandledEvent
from events.workers import is_due
from tests.bus_fixture import Bus
from tests.events.conftest import trade

TRADE = "Trading.TradeExecuted"
XP = {"user_id": 123, "xp": 15, "source": "trade", "reason": "test"}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What workers noted; whatever they declare is gone afterwards."""
    monkeypatch.setattr(declared, "_handlers", dict(declared._handlers))
    monkeypatch.setattr(declared, "_jobs", dict(declared._jobs))
    return []


def drain(bus: Bus, name: str) -> None:
    made = group(name)
    set_up(bus.transport.streams, [made])
    bus.drain([made])


def test_a_worker_takes_each_event_and_says_what_follows(bus: Bus, seen: list[Any]) -> None:
    class Rewarder(EventWorker):
        worker_name = "rewarder"
        reads = (TRADE,)
        says = ("Gamification.XPGained",)

        def process_event(self, event: Event, context: Context) -> None:
            seen.append(event.event_id)
            context.caused("Gamification.XPGained", XP)

    event = trade()
    bus.publish(event)
    drain(bus, "rewarder_group")

    assert seen == [event.event_id]
    assert len(bus.events("Gamification.XPGained")) == 1
    (handler,) = group("rewarder_group").handlers
    assert handler.name.endswith("Rewarder")
    assert (handler.policy.max_retries, handler.policy.base_s) == (3, 5.0)


def test_an_async_worker_runs_in_its_events_transaction(bus: Bus, seen: list[Any]) -> None:
    class Asker(EventWorker):
        worker_name = "asker"
        reads = (TRADE,)

        async def process_event(self, event: Event, context: Context) -> None:
            context.caused("Gamification.XPGained", XP)
            raise Reject("no")

    bus.publish(trade())
    drain(bus, "asker_group")

    assert bus.events("Gamification.XPGained") == []
    assert DeadLetter.objects.get().group_name == "asker_group"


def test_what_a_worker_cannot_handle_counts_as_ignored(bus: Bus, seen: list[Any]) -> None:
    class Picky(EventWorker):
        worker_name = "picky"
        consumer_group = "the_picky"
        reads = (TRADE,)

        def can_handle(self, event: Event) -> bool:
            return event.data["user_id"] == 7

        def process_event(self, event: Event, context: Context) -> None:
            seen.append(event.data["user_id"])

    bus.publish(trade(user_id=6), trade(user_id=7))
    drain(bus, "the_picky")

    marks = HandledEvent.objects.filter(group__name="the_picky").order_by("pk")
    assert seen == [7]
    assert [mark.ignored for mark in marks] == [True, False]


def test_a_narrowing_that_fails_is_the_handlers_failure(bus: Bus, seen: list[Any]) -> None:
    class Confused(EventWorker):
        worker_name = "confused"
        reads = (TRADE,)
        max_retries = 0

        def can_handle(self, event: Event) -> bool:
            raise ZeroDivisionError("oops")

        def process_event(self, event: Event, context: Context) -> None:
            seen.append(event)

    bus.publish(trade())
    drain(bus, "confused_group")

    assert seen == []
    assert DeadLetter.objects.get().error_class == "ZeroDivisionError"


def test_a_batch_worker_gets_what_has_gathered(bus: Bus, seen: list[Any]) -> None:
    class Counter(BatchWorker):
        worker_name = "counter"
        reads = (TRADE,)
        linger_ms = 50

        def process_batch(self, events: Sequence[Event], contexts: Sequence[Context]) -> None:
            seen.append(len(events))

    bus.publish(*(trade() for _ in range(4)))
    drain(bus, "counter_group")

    assert seen == [4]
    assert group("counter_group").linger_ms == 50


def test_a_class_without_a_name_is_a_base_for_others(seen: list[Any]) -> None:
    before = set(declared._handlers)

    class Base(EventWorker):
        reads = (TRADE,)

        def process_event(self, event: Event, context: Context) -> None: ...

    class Named(Base):
        worker_name = "named"

    class Below(Named):
        """Inherits the name, and is no second handler."""

    added = set(declared._handlers) - before
    assert len(added) == 1


WORKS: dict[str, Any] = {"reads": (TRADE,), "process_event": lambda self, event, context: None}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"worker_name": "No Good", "reads": (TRADE,)}, "must be lower-case letters"),
        ({"worker_name": "nothing"}, "reads must be the names"),
        ({"worker_name": "text", "reads": TRADE}, "reads must be the names"),
        ({**WORKS, "worker_name": "odd", "linger_ms": 5}, "linger_ms is for batch"),
        ({"worker_name": "idle", "reads": (TRADE,)}, "it needs a process_event"),
        ({**WORKS, "worker_name": "blind", "process_event": lambda self: None}, "must take"),
    ],
)
def test_a_worker_that_cannot_be_meant_is_refused(
    seen: list[Any], facts: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        type("Wrong", (EventWorker,), facts)


def test_a_scheduled_worker_is_a_periodic_job(seen: list[Any]) -> None:
    class Sweeper(ScheduledWorker):
        worker_name = "sweeper"
        every_seconds = 30

        def run(self) -> None:
            seen.append("swept")

    (job,) = [job for job in jobs() if job.name == "sweeper"]
    job.function()

    assert (job.seconds, seen) == (30, ["swept"])


def test_a_daily_worker_runs_once_a_day_whoever_looks(
    bus: Bus, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reporter(ScheduledWorker):
        worker_name = "reporter"
        at = "06:30"

        def run(self) -> None:
            seen.append("reported")

    (job,) = [job for job in jobs() if job.name == "reporter"]
    elsewhere = workers._Daily(Reporter, time(6, 30))
    moment = datetime(2026, 3, 1, 6, 29, tzinfo=UTC)
    monkeypatch.setattr(workers, "now", lambda: moment)
    job.function()
    assert seen == []

    moment += timedelta(minutes=2)
    for look in (job.function, elsewhere, job.function):
        look()
    assert seen == ["reported"]

    moment += timedelta(days=1)
    elsewhere()
    assert seen == ["reported"] * 2


def test_a_day_whose_lease_could_not_be_asked_for_is_not_done(
    bus: Bus, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nightly(ScheduledWorker):
        worker_name = "nightly"
        at = "06:30"

        def run(self) -> None:
            seen.append("reported")

    look = workers._Daily(Nightly, time(6, 30))
    monkeypatch.setattr(workers, "now", lambda: datetime(2026, 3, 1, 6, 31, tzinfo=UTC))
    bus.memory.down = "test"
    with pytest.raises(BusUnavailable):
        look()
    bus.memory.down = ""
    look()

    assert seen == ["reported"]


@pytest.mark.parametrize(
    ("at", "last_run", "due"),
    [
        ("12:00", None, True),
        ("12:01", None, False),
        ("11:00", date(2026, 2, 28), True),
        ("11:00", date(2026, 3, 1), False),
    ],
)
def test_a_time_of_day_is_due_once(at: str, last_run: date | None, due: bool) -> None:
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    assert is_due(time.fromisoformat(at), last_run, moment) is due


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "either every_seconds or at"),
        ({"every_seconds": 5, "at": "06:30"}, "either every_seconds or at"),
        ({"every_seconds": -1}, "more than 0"),
        ({"at": "25:00"}, "not a time of day"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(
    seen: list[Any], facts: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        type("Wrong", (ScheduledWorker,), {"worker_name": "wrong", **facts})
