"""The worker's loop: what it holds, hands back, waits for and survives."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from events import BusUnavailable, Context, Event
from events.execution import Execution
from events.groups import Group
from events.models import DeadLetter, HandledEvent
from events.tasks import Task
from events.transport.base import RELEASED, Append, Delivery, Handled, Start
from events.worker import Worker
from tests.bus_fixture import Bus
from tests.events.conftest import Started, trade
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"

GroupOf = Callable[..., Group]


class Gate:
    """A handler that notes what it is given, and waits at its first event until it may go on."""

    def __init__(self) -> None:
        self.seen: list[UUID] = []
        self.attempts: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def handle(self, event: Event, context: Context) -> None:
        self.seen.append(event.event_id)
        self.attempts.append(context.attempt)
        self.begun.set()
        assert self.go_on.wait(10)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def stop(worker: Worker) -> None:
    """Ask a worker to drain, and wait until it has."""
    worker.stop()
    eventually(lambda: worker.name not in running(), what="the worker has drained")


def running() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def handled(group: str = "testers") -> int:
    return HandledEvent.objects.filter(group__name=group).count()


def pending(bus: Bus, group: str = "testers") -> dict[str, int]:
    """How many entries each consumer holds."""
    with bus.memory.changed:
        held = list(bus.memory._streams[STREAM].groups[group].pending.values())
    names = [entry.consumer for entry in held]
    return {name: names.count(name) for name in names}


def noting(seen: list[UUID]) -> Callable[[Event, Context], None]:
    def note(event: Event, context: Context) -> None:
        seen.append(event.event_id)

    return note


def test_a_worker_handles_what_is_published_while_it_runs(
    bus: Bus, group_of: GroupOf, started: Started
) -> None:
    seen: list[UUID] = []
    started(group_of(noting(seen)))
    events = [trade() for _ in range(5)]

    bus.publish(*events)

    eventually(lambda: handled() == 5, what="they are handled")
    eventually(lambda: pending(bus) == {}, what="they are acknowledged")
    assert seen == [event.event_id for event in events]


def test_a_worker_is_heard_of_while_it_runs(bus: Bus, group_of: GroupOf, started: Started) -> None:
    worker = started(group_of(noting([])))
    bus.publish(trade())

    def counted() -> bool:
        return [(w.name, w.handled) for w in bus.transport.presence.alive()] == [(worker.name, 1)]

    eventually(counted, what="its heartbeat counts what it handled")
    stop(worker)
    assert bus.transport.presence.alive() == ()


def test_a_worker_that_has_drained_leaves_no_consumer(
    bus: Bus, group_of: GroupOf, started: Started
) -> None:
    worker = started(group_of(noting([])))
    bus.publish(trade())
    eventually(handled, what="it works")

    stop(worker)

    assert bus.memory._streams[STREAM].groups["testers"].consumers == set()


def test_draining_finishes_what_was_begun_and_hands_back_the_rest(
    bus: Bus, group_of: GroupOf, started: Started, gate: Gate
) -> None:
    bus.publish(*(trade() for _ in range(5)))
    worker = started(group_of(gate.handle))
    assert gate.begun.wait(10)

    worker.stop()
    gate.go_on.set()
    stop(worker)

    # On SQLite a transaction is short; PostgreSQL takes the whole batch.
    begun, rest = (1, {RELEASED: 4}) if connection.vendor == "sqlite" else (5, {})
    assert (len(gate.seen), handled()) == (begun, begun)
    assert pending(bus) == rest


def test_what_was_handed_back_is_taken_at_once_and_counts_no_attempt(
    bus: Bus, group_of: GroupOf, started: Started, gate: Gate
) -> None:
    group = group_of(gate.handle)
    bus.publish(*(trade() for _ in range(5)))
    worker = started(group)
    assert gate.begun.wait(10)
    worker.stop()
    gate.go_on.set()
    stop(worker)

    bus.clock.advance(1.0)  # the pace of the sweeps, not the lease
    bus.drain([group])

    assert handled() == 5
    assert gate.attempts == [1] * 5
    assert pending(bus) == {}


def test_a_renewed_entry_stays_beyond_its_first_lease(bus: Bus, group_of: GroupOf) -> None:
    group = group_of(noting([]))
    (runner,) = Worker([group])._runners
    bus.publish(trade(), trade())

    assert runner.read_now() == runner.in_flight == 2
    bus.clock.advance(25.0)
    runner.renew()
    bus.clock.advance(25.0)
    assert bus.transport.streams.reclaim(STREAM, "testers", "other", 30.0) == []


def test_an_entry_in_a_slow_handler_is_nobody_elses(
    bus: Bus, group_of: GroupOf, started: Started, gate: Gate
) -> None:
    group = group_of(gate.handle)
    bus.publish(trade())
    started(group)
    assert gate.begun.wait(10)
    started(group)

    renewed = renewals(bus)
    eventually(lambda: renewed() >= 5, what="its lease is renewed beyond its first length")
    gate.go_on.set()

    eventually(handled, what="it is handled")
    assert len(gate.seen) == 1


def test_settling_waits_for_a_bus_that_is_down(
    bus: Bus, group_of: GroupOf, started: Started, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "lease_s": 300}  # it is not a sweep that does it
    seen: list[UUID] = []

    def goes_dark(event: Event, context: Context) -> None:
        seen.append(event.event_id)
        bus.memory.down = "test"

    bus.publish(trade())
    started(group_of(goes_dark))
    eventually(handled, what="its mark is committed")
    assert sum(pending(bus).values()) == 1

    bus.memory.down = ""

    eventually(lambda: pending(bus) == {}, what="it is acknowledged")
    assert len(seen) == 1


def test_a_worker_asked_to_stop_does_not_wait_for_the_bus(
    bus: Bus, group_of: GroupOf, started: Started
) -> None:
    seen: list[UUID] = []

    def goes_dark(event: Event, context: Context) -> None:
        seen.append(event.event_id)
        bus.memory.down = "test"

    group = group_of(goes_dark)
    bus.publish(trade())
    worker = started(group)
    eventually(handled, what="its mark is committed")

    stop(worker)
    bus.memory.down = ""
    started(group)

    eventually(lambda: pending(bus) == {}, what="the next one acknowledges it")
    assert len(seen) == 1


def test_reading_goes_on_when_the_bus_is_back(
    bus: Bus, group_of: GroupOf, started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    started(group_of(noting([])))
    bus.memory.down = "test"
    eventually(lambda: "group testers waits" in caplog.text, what="it notices")

    bus.memory.down = ""
    bus.publish(trade())

    eventually(handled, what="it is handled")


@pytest.mark.parametrize("start", ["beginning", "now"])
def test_a_group_that_is_gone_is_set_up_again_from_the_beginning(
    bus: Bus, group_of: GroupOf, started: Started, start: Start
) -> None:
    group = group_of(noting([]), start=start)
    flush(bus)
    event = trade()
    bus.transport.streams.append([Append(STREAM, event.event_id, event.to_json())])

    started(group)

    eventually(handled, what="what came before the group was there again is handled too")


def test_a_flush_under_a_running_worker_stops_nothing(
    bus: Bus, group_of: GroupOf, started: Started
) -> None:
    started(group_of(noting([])))
    bus.publish(trade())
    eventually(lambda: handled() == 1, what="it works")

    flush(bus)
    bus.publish(trade())

    eventually(lambda: handled() == 2, what="it goes on")


def test_a_locked_database_repeats_the_work_and_counts_no_attempt(
    bus: Bus, group_of: GroupOf
) -> None:
    attempts: list[int] = []

    def meets_a_lock(event: Event, context: Context) -> None:
        attempts.append(context.attempt)
        if len(attempts) == 1:
            raise OperationalError("database is locked")

    bus.publish(trade())
    bus.drain([group_of(meets_a_lock, max_retries=0)])

    assert attempts == [1, 1]
    assert HandledEvent.objects.get(group__name="testers").attempts == 1
    assert bus.dead_letters() == []
    waiting = bus.transport.inspector.retries([(STREAM, "testers")])[STREAM, "testers"]
    assert (waiting.waiting, pending(bus)) == (0, {})


def test_a_lock_in_the_middle_of_a_batch_leaves_every_event_handled_once(
    bus: Bus, group_of: GroupOf
) -> None:
    locked = [True]
    said = {"user_id": 123, "xp": 15, "source": "trade", "reason": "test"}

    def meets_a_lock(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", said)
        if event.data["user_id"] == 3 and locked:
            locked.clear()
            raise OperationalError("database is locked")

    bus.publish(*(trade(user_id=number) for number in range(1, 6)))
    bus.drain([group_of(meets_a_lock)])

    assert handled() == 5
    assert len(bus.events("Gamification.XPGained")) == 5


def test_two_workers_share_the_entries_of_a_group(
    bus: Bus, group_of: GroupOf, started: Started, settings: Settings
) -> None:
    both_at_once = threading.Barrier(2, timeout=10)
    seen: list[UUID] = []

    def meets_the_other(event: Event, context: Context) -> None:
        seen.append(event.event_id)
        both_at_once.wait()

    settings.ASTRA = {**settings.ASTRA, "batch_size": 1, "lease_s": 300}
    group = group_of(meets_the_other, external=True, max_retries=0)
    events = [trade() for _ in range(6)]
    bus.publish(*events)

    started(group)
    started(group)

    eventually(lambda: handled() == 6, what="all are handled")
    assert sorted(seen) == sorted(event.event_id for event in events)
    assert bus.dead_letters() == []


def test_what_could_not_be_begun_comes_back_when_its_lease_ends(
    bus: Bus, group_of: GroupOf, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, failed = bus.memory.begin, threading.Event()

    def fails_once(group: str, consumer: str, delivery: Delivery) -> Delivery | None:
        if not failed.is_set():
            failed.set()
            raise BusUnavailable("the bus server does not answer: test")
        return begin(group, consumer, delivery)

    group = group_of(noting([]))
    bus.publish(trade(), trade())
    bus.transport.streams.read("testers", "dead", [STREAM], 10, 0)
    monkeypatch.setattr(bus.memory, "begin", fails_once)
    started(group)

    assert failed.wait(10)
    eventually(lambda: handled() == 2, what="both are handled")


def test_a_bug_of_the_worker_itself_does_not_stop_a_group(
    bus: Bus, group_of: GroupOf, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, failed = Execution.run, threading.Event()

    def fails_once(self: Execution, tasks: Sequence[Task], budget_s: float) -> object:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError("a bug of ours")
        return run(self, tasks, budget_s)

    monkeypatch.setattr(Execution, "run", fails_once)
    bus.publish(trade(), trade())
    started(group_of(noting([])))

    assert failed.wait(10)
    eventually(lambda: handled() == 2, what="both are handled")


def test_a_handler_that_exits_does_not_take_its_group_along(
    bus: Bus, group_of: GroupOf, started: Started
) -> None:
    def exits(event: Event, context: Context) -> None:
        if event.data["user_id"] == 13:
            sys.exit("unlucky")

    bus.publish(trade(user_id=12), trade(user_id=13), trade(user_id=14))
    started(group_of(exits, max_retries=0))

    eventually(lambda: handled() == 2, what="the others are handled")
    (letter,) = eventually(bus.dead_letters, what="the guilty one is set aside")
    assert (letter.error_class, letter.message) == ("SystemExit", "unlucky")


def test_an_error_without_a_message_becomes_a_dead_letter(bus: Bus, group_of: GroupOf) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    def fails(event: Event, context: Context) -> None:
        raise Mute

    bus.publish(trade())
    bus.drain([group_of(fails, max_retries=0)])

    assert DeadLetter.objects.get().error_class == "Mute"


def flush(bus: Bus) -> None:
    """What FLUSHALL does to the streams."""
    with bus.memory.changed:
        bus.memory._streams.clear()
        bus.memory._retry.clear()
        bus.memory._due.clear()
        bus.memory._seen.clear()


def renewals(bus: Bus) -> Callable[[], int]:
    """Counts how often entries were made young again from now on."""
    renew, count = bus.memory.renew, [0]

    def counted(group: str, consumer: str, deliveries: list[Delivery]) -> None:
        renew(group, consumer, deliveries)
        count[0] += 1

    bus.memory.renew = counted  # type: ignore[method-assign]
    return lambda: count[0]


def test_handing_back_does_not_forget_how_often_an_entry_was_begun(
    bus: Bus, group_of: GroupOf
) -> None:
    group = group_of(noting([]))
    bus.publish(trade())
    (delivery,) = bus.transport.streams.read("testers", "dies", [STREAM], 10, 0)
    bus.transport.streams.begin("testers", "dies", delivery)
    bus.clock.advance(3_600)

    (runner,) = Worker([group])._runners
    assert runner.sweep_if_due() == 1
    runner.hand_back()

    with bus.memory.changed:
        (entry,) = bus.memory._streams[STREAM].groups["testers"].pending.values()
    assert (entry.consumer, entry.count) == (RELEASED, 2)


def test_of_what_was_taken_over_one_entry_runs_at_a_time(bus: Bus, group_of: GroupOf) -> None:
    both = [group_of(noting([]), name=name) for name in ("first", "second")]
    bus.publish(trade(), trade())
    for group in both:
        bus.transport.streams.read(group.name, "dead", [STREAM], 10, 0)
    bus.clock.advance(3_600)
    one, other = Worker(both)._runners
    assert [one.sweep_if_due(), other.sweep_if_due()] == [2, 2]

    assert one.begin_quarantined()
    assert not other.begin_quarantined()
    assert not one.begin_quarantined()

    one.drop()
    assert other.begin_quarantined()


def test_a_turn_that_begins_nothing_is_given_back(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [group_of(noting([]), name=name) for name in ("first", "second")]
    bus.publish(trade())
    for group in both:
        bus.transport.streams.read(group.name, "dead", [STREAM], 10, 0)
    bus.clock.advance(3_600)
    one, other = Worker(both)._runners
    assert [one.sweep_if_due(), other.sweep_if_due()] == [1, 1]

    bus.memory.down = "test"
    with pytest.raises(BusUnavailable):
        one.begin_quarantined()
    bus.memory.down = ""

    assert other.begin_quarantined()


def test_a_destroyed_group_does_not_end_the_leases_of_the_others(
    bus: Bus, group_of: GroupOf, brisk: None
) -> None:
    both = [group_of(noting([]), name=name) for name in ("first", "second")]
    bus.publish(trade())
    worker = Worker(both)
    for runner in worker._runners:
        runner._holdings.hold(
            bus.transport.streams.read(runner.group.name, worker.name, [STREAM], 1, 0)
        )
    with bus.memory.changed:
        del bus.memory._streams[STREAM].groups["first"]
    bus.clock.advance(0.25)

    worker._keep()

    with bus.memory.changed:
        (entry,) = bus.memory._streams[STREAM].groups["second"].pending.values()
    assert entry.since == pytest.approx(bus.clock.now(), abs=0.1)


def test_a_renewal_the_bus_did_not_hear_is_tried_again_at_once(
    bus: Bus, group_of: GroupOf, brisk: None
) -> None:
    worker = Worker([group_of(noting([]))])
    bus.publish(trade())
    worker._runners[0]._holdings.hold(
        bus.transport.streams.read("testers", worker.name, [STREAM], 1, 0)
    )
    worker._stop.set()  # it does not wait after a failure
    bus.memory.down = "test"
    worker._keep()
    bus.memory.down = ""
    bus.clock.advance(0.25)

    worker._keep()

    with bus.memory.changed:
        (entry,) = bus.memory._streams[STREAM].groups["testers"].pending.values()
    assert entry.since == pytest.approx(bus.clock.now(), abs=0.1)


def test_what_was_handed_back_runs_though_reads_come_back_full(
    bus: Bus, group_of: GroupOf, started: Started, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "batch_size": 20, "batch_budget_ms": 20.0}
    seen: list[UUID] = []
    group, first = group_of(noting(seen)), trade()
    bus.publish(first)
    streams = bus.transport.streams
    streams.release("testers", "other", streams.read("testers", "other", [STREAM], 1, 0))
    for _ in range(10):
        bus.publish(*(trade() for _ in range(200)))

    started(group)

    eventually(lambda: first.event_id in seen, what="it has run")
    assert seen.index(first.event_id) < 1_500


def test_the_turn_is_given_back_once_what_was_taken_over_is_settled(
    bus: Bus, group_of: GroupOf
) -> None:
    """Whatever else the group has read meanwhile."""
    both = [group_of(noting([]), name=name) for name in ("first", "second")]
    bus.publish(trade())
    for group in both:
        bus.transport.streams.read(group.name, "dead", [STREAM], 10, 0)
    bus.clock.advance(3_600)
    worker = Worker(both)
    one, other = worker._runners
    assert [one.sweep_if_due(), other.sweep_if_due()] == [1, 1]
    assert one.begin_quarantined()
    bus.publish(trade())
    one.read_now()
    (begun, _) = one.backlog

    one.finished([Handled(begun.delivery)], [True])

    assert one.backlog
    assert other.begin_quarantined()
