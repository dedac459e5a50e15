"""What is not to be run: its dead letter may have to wait, and nothing waits for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection

from events import BusUnavailable, Context, Event, aside, dead_letters
from events.aftermath import Aftermath
from events.dead_letters import Burial, bury
from events.envelope import new_event_id
from events.execution import Execution
from events.groups import Group
from events.models import DeadLetter
from events.pace import MOST_READ
from events.transport.base import Append, Delivery, Failure, RetryLater
from events.worker import Worker
from tests.bus_fixture import Bus
from tests.events.conftest import Started, trade
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"
GroupOf = Callable[..., Group]


def noting(seen: list[UUID]) -> Callable[[Event, Context], None]:
    def note(event: Event, context: Context) -> None:
        seen.append(event.event_id)

    return note


def put(bus: Bus, body: bytes) -> UUID:
    """An entry by somebody who does not know us."""
    event_id = new_event_id()
    bus.transport.streams.append([Append(STREAM, event_id, body)])
    return event_id


def pending(bus: Bus) -> int:
    return len(bus.memory._streams[STREAM].groups["testers"].pending)


def refused_at_first(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """SQL takes no dead letter the first so many times."""
    tries: list[int] = []
    buried = Aftermath.buried

    def refuse(self: Aftermath, *given: Any) -> Any:
        tries.append(len(tries))
        if len(tries) <= times:
            raise OperationalError("database is locked")
        return buried(self, *given)

    monkeypatch.setattr(Aftermath, "buried", refuse)
    return tries


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "AGAIN_S", 0.05)


def test_events_read_beside_one_that_cannot_be_set_aside_yet_run(
    bus: Bus,
    group_of: GroupOf,
    started: Started,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = refused_at_first(monkeypatch, 5)
    seen: list[UUID] = []
    group, before, after = group_of(noting(seen)), trade(), trade()
    bus.publish(before)
    put(bus, b"no event")
    bus.publish(after)

    started(group)

    eventually(lambda: seen == [before.event_id, after.event_id], what="both have run")
    eventually(lambda: DeadLetter.objects.count() == 1, what="its letter is written")
    eventually(lambda: pending(bus) == 0, what="all is acknowledged")
    assert len(tries) == 6


def test_a_letter_whose_entry_could_not_be_acknowledged_is_not_written_again(
    bus: Bus,
    group_of: GroupOf,
    started: Started,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = refused_at_first(monkeypatch, 0)
    group = group_of(noting([]))
    put(bus, b"no event")
    down = threading.Event()
    settle = bus.memory.settle

    def goes_down(group: str, settlements: Any) -> Any:
        if not down.is_set():
            bus.memory.down = "test"
            down.set()
        return settle(group, settlements)

    monkeypatch.setattr(bus.memory, "settle", goes_down)
    started(group)
    assert down.wait(10)
    bus.memory.down = ""

    eventually(lambda: pending(bus) == 0, what="it is acknowledged")
    assert (len(tries), DeadLetter.objects.count()) == (1, 1)


def test_what_waits_to_be_set_aside_is_handed_back(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_at_first(monkeypatch, 1)
    put(bus, b"no event")
    worker = Worker([group_of(noting([]))])
    worker.run_once()
    (held,) = worker._runners
    assert (held.in_flight, DeadLetter.objects.count()) == (1, 0)

    held.hand_back()
    bus.clock.advance(60)  # the sweep of the first has its time
    bus.drain([held.group])

    assert (DeadLetter.objects.count(), pending(bus)) == (1, 0)


@pytest.mark.parametrize("event_type", ["A." + "b" * 300, "A.b\0c", "A.\ud800"])
def test_a_type_no_database_can_store_is_cut_or_spelled_out(
    bus: Bus, group_of: GroupOf, event_type: str
) -> None:
    seen: list[UUID] = []
    group, well = group_of(noting(seen)), trade()
    body = json.dumps({**json.loads(trade().to_json()), "event_type": event_type}).encode()
    put(bus, body)
    bus.publish(well)

    bus.drain([group])

    assert seen == [well.event_id]
    letter = DeadLetter.objects.get()
    assert (bytes(letter.body), pending(bus)) == (body, 0)
    assert len(letter.event_type) <= 200


def test_notes_on_a_retry_no_database_can_store_are_spelled_out(
    bus: Bus, group_of: GroupOf
) -> None:
    group = group_of(noting([]))
    put(bus, b"no event")
    (delivery,) = bus.transport.streams.read("testers", "one", [STREAM], 1, 0)
    bus.transport.streams.settle(
        "testers", [RetryLater(delivery, 0.0, (Failure("at", "E", "nul \0", "w"),))]
    )

    bus.drain([group])

    first, second = DeadLetter.objects.get().attempts
    assert (first["message"], second["error"]) == ("nul \\x00", "InvalidEvent")


def test_two_workers_that_set_the_same_event_aside_write_one_letter(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's letter is committed between our look and our own. SQLite has one writer, so
    there only its refusal is made up."""
    group = group_of(noting([]))
    event_id = put(bus, b"no event")
    new = dead_letters._new
    rivals: list[threading.Thread] = []

    def overtaken(burial: Burial, event_id: UUID | None) -> DeadLetter:
        if not rivals:
            rivals.append(threading.Thread(target=buried_by_another, args=(burial,)))
            if connection.vendor == "sqlite":
                raise IntegrityError("UNIQUE constraint failed: dead_once")
            rivals[0].start()
            rivals[0].join()
        return new(burial, event_id)

    monkeypatch.setattr(dead_letters, "_new", overtaken)
    bus.drain([group])

    (letter,) = bus.dead_letters()
    assert (letter.event_id, len(rivals), pending(bus)) == (event_id, 1, 0)
    assert len(letter.attempts) == 1  # both tell of the same delivery


def buried_by_another(burial: Burial) -> None:
    bury(burial)
    connection.close()


def test_sql_that_fails_while_poison_is_judged_is_that_groups_trouble(
    bus: Bus, group_of: GroupOf, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[UUID] = []
    event = trade()
    group = group_of(noting(seen))
    bus.publish(event)
    (delivery,) = bus.transport.streams.read("testers", "dead", [STREAM], 1, 0)
    for _ in range(3):
        delivery = bus.transport.streams.begin("testers", "dead", delivery) or delivery
    bus.clock.advance(3_600)
    failing = [True]
    prepare = Execution.prepare

    def refuse(self: Execution) -> int:
        if failing:
            failing.pop()
            raise OperationalError("no such table: events_consumergroup")
        return prepare(self)

    monkeypatch.setattr(Execution, "prepare", refuse)
    worker = Worker([group])
    worker.run_once()
    assert worker._runners[0].in_flight == 1

    threading.Event().wait(0.06)
    worker._runners[0].set_aside()

    assert (seen, [letter.kind for letter in bus.dead_letters()]) == ([], ["poison"])
    assert pending(bus) == 0


def test_one_letter_sql_never_takes_holds_up_no_other(
    bus: Bus,
    group_of: GroupOf,
    started: Started,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buried = Aftermath.buried

    def picky(self: Aftermath, delivery: Delivery, *given: Any) -> Any:
        if delivery.body == b"guilty":
            raise DataError("value out of range")
        return buried(self, delivery, *given)

    monkeypatch.setattr(Aftermath, "buried", picky)
    group = group_of(noting([]))
    for body in (b"one", b"guilty", b"three", b"four"):
        put(bus, body)

    started(group)

    eventually(lambda: (DeadLetter.objects.count(), pending(bus)) == (3, 1), what="three letters")


def test_what_cannot_be_set_aside_does_not_pile_up(
    bus: Bus, group_of: GroupOf, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_at_first(monkeypatch, 10**9)
    group = group_of(noting([]))
    for _ in range(30):
        bus.transport.streams.append([Append(STREAM, new_event_id(), b"no") for _ in range(100)])

    runner = started(group)._runners[0]

    eventually(lambda: runner.in_flight >= aside.MOST_UNFIT, what="some are held")
    threading.Event().wait(0.5)  # as long as thirty more reads take
    assert runner.in_flight <= aside.MOST_UNFIT + 2 * MOST_READ


def test_a_letter_that_is_acknowledged_late_is_not_written_again(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus is away at the acknowledgement; an operator has taken the letter up meanwhile."""
    group = group_of(noting([]))
    put(bus, b"no event")
    settle = bus.memory.settle
    tries: list[int] = []

    def away_at_first(group: str, settlements: Any) -> Any:
        tries.append(len(tries))
        if len(tries) <= 2:
            raise BusUnavailable("test")
        return settle(group, settlements)

    monkeypatch.setattr(bus.memory, "settle", away_at_first)
    worker = Worker([group])
    worker.run_once()
    DeadLetter.objects.update(state="investigating")
    worker._runners[0].hand_back()
    bus.clock.advance(60)

    bus.drain([group])

    letter = DeadLetter.objects.get()
    assert (len(letter.attempts), letter.state, pending(bus)) == (1, "investigating", 0)


def test_a_stopping_worker_acknowledges_what_has_its_letter(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = group_of(noting([]))
    put(bus, b"no event")
    worker = Worker([group])
    settle = bus.memory.settle
    refused: list[int] = []

    def away_once(group: str, settlements: Any) -> Any:
        if not refused:
            refused.append(1)
            raise BusUnavailable("test")
        return settle(group, settlements)

    monkeypatch.setattr(bus.memory, "settle", away_once)
    worker.run_once()
    assert pending(bus) == 1

    worker._runners[0].hand_back()

    assert pending(bus) == 0
