"""The hot tables, written and looked up without the ORM."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection
from pytest_django import Settings

from events import relay
from events.envelope import new_event_id, now
from events.models import ConsumerGroup, DeadLetter, HandledEvent, StoredEvent
from events.rows import HANDLED, Wanted, insert, mark_handled, mark_relayed, settled
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"


@pytest.fixture
def group(transactional_db: None) -> ConsumerGroup:
    return ConsumerGroup.objects.create(name="testers")


def mark(group: ConsumerGroup) -> tuple[Any, ...]:
    """Values in the order of HANDLED; the second is the event's id."""
    return group.pk, new_event_id(), now(), 5, 1, False


def letter(group: ConsumerGroup, state: str) -> DeadLetter:
    return DeadLetter.objects.create(
        group_name=group.name,
        event_id=new_event_id(),
        stream="s",
        entry_id="1-0",
        body=b"",
        kind="permanent",
        first_failed_at=now(),
        last_failed_at=now(),
        state=state,
    )


def test_rows_come_back_as_they_were_written(group: ConsumerGroup) -> None:
    marks = [mark(group), mark(group)]

    mark_handled(marks)

    kept = HandledEvent.objects.order_by("pk").values_list(*HANDLED)
    assert list(kept) == marks


def test_a_row_that_is_there_already_is_refused_or_passed_over(group: ConsumerGroup) -> None:
    first, second = mark(group), mark(group)
    mark_handled([first])

    with pytest.raises(IntegrityError):
        mark_handled([first])
    insert(HandledEvent, HANDLED, [first, second], unless_known=True)

    assert HandledEvent.objects.count() == 2


def test_writing_no_rows_asks_nothing() -> None:
    mark_handled([])


def test_handled_events_and_open_dead_letters_are_settled(group: ConsumerGroup) -> None:
    done = mark(group)
    mark_handled([done])
    dead, resolved = letter(group, "new"), letter(group, "resolved")
    ids = [done[1], dead.event_id, resolved.event_id, new_event_id()]

    assert settled([Wanted(group.pk, group.name, ids, ids)]) == {
        (group.pk, done[1]),
        (group.pk, dead.event_id),
    }


def test_a_dead_letter_that_was_asked_for_again_runs(group: ConsumerGroup) -> None:
    replaying = letter(group, "replaying")

    assert settled([Wanted(group.pk, group.name, [replaying.event_id], [])]) == set()


def test_another_groups_marks_settle_nothing(group: ConsumerGroup) -> None:
    other = ConsumerGroup.objects.create(name="others")
    done = mark(other)
    mark_handled([done])

    assert settled([Wanted(group.pk, group.name, [done[1]], [done[1]])]) == set()


def test_each_of_several_groups_is_told_its_own(group: ConsumerGroup) -> None:
    other = ConsumerGroup.objects.create(name="others")
    ours, theirs = mark(group), mark(other)
    mark_handled([ours, theirs])
    ids = [ours[1], theirs[1]]

    found = settled([Wanted(g.pk, g.name, ids, ids) for g in (group, other)])

    assert found == {(group.pk, ours[1]), (other.pk, theirs[1])}


def test_only_the_first_mark_of_a_relay_counts(bus: Bus) -> None:
    bus.publish(trade())
    row = StoredEvent.objects.get()

    mark_relayed([(row.event_id, now() + timedelta(hours=1), "9-9")])

    again = StoredEvent.objects.get()
    assert (again.relayed_at, again.entry_id) == (row.relayed_at, row.entry_id)
    assert row.entry_id == bus.transport.inspector.last_ids([STREAM])[STREAM]


@pytest.mark.usefixtures("slow_marks")
def test_marks_together_wait_for_the_flush_and_keep_their_time(bus: Bus) -> None:
    bus.publish(trade())
    relayed_before = now()
    assert StoredEvent.objects.get().relayed_at is None

    relay.marks.flush()

    relayed_at = StoredEvent.objects.get().relayed_at
    assert relayed_at is not None
    assert relayed_at <= relayed_before


@pytest.mark.usefixtures("slow_marks")
def test_marks_that_sql_does_not_take_wait_on(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(marks: object) -> None:
        raise DatabaseError("database is locked")

    bus.publish(trade())
    with monkeypatch.context() as locked:
        locked.setattr(relay, "mark_relayed", refuses)
        with pytest.raises(DatabaseError):
            relay.marks.flush()

    relay.marks.flush()

    assert StoredEvent.objects.get().relayed_at is not None


@pytest.fixture
def slow_marks(bus: Bus, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Marks wait for whoever takes them along or flushes them."""
    settings.ASTRA = {**settings.ASTRA, "mark_every_s": 60}
    slow = relay.Marks()
    monkeypatch.setattr(relay, "marks", slow)
    yield
    slow.flush()  # or the thread that sleeps would open a connection when all this is over


@pytest.mark.usefixtures("slow_marks")
def test_the_next_publish_takes_the_marks_along_on_sqlite(bus: Bus) -> None:
    first, second = trade(), trade()
    bus.publish(first)

    bus.publish(second)

    waiting = StoredEvent.objects.filter(relayed_at=None).values_list("event_id", flat=True)
    expected = [second] if connection.vendor == "sqlite" else [first, second]
    assert list(waiting) == [event.event_id for event in expected]


def test_a_thread_of_its_own_writes_the_marks_and_ends(
    bus: Bus, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "marks", relay.Marks())
    monkeypatch.setattr(relay, "IDLE_FLUSHES", 2)
    settings.ASTRA = {**settings.ASTRA, "mark_every_s": 0.01}

    for _ in range(2):
        bus.publish(trade())
        eventually(
            lambda: not StoredEvent.objects.filter(relayed_at=None).exists(), what="it is marked"
        )
        eventually(lambda: relay.marks._flusher is None, what="the thread ends")
