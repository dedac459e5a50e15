"""The hot tables, written and looked up without the ORM."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError

from events import relay
from events.envelope import new_event_id, now
from events.models import ConsumerGroup, DeadLetter, HandledEvent, StoredEvent
from events.rows import insert, mark_relayed, settled
from tests.bus_fixture import Bus
from tests.events.conftest import trade


@pytest.fixture
def group(transactional_db: None) -> ConsumerGroup:
    return ConsumerGroup.objects.create(name="testers")


def mark(group: ConsumerGroup) -> HandledEvent:
    return HandledEvent(
        group_id=group.pk, event_id=new_event_id(), handled_at=now(), duration_us=5, attempts=1
    )


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

    insert(marks)

    kept = {row.event_id: row for row in HandledEvent.objects.all()}
    for written in marks:
        found = kept[written.event_id]
        assert (found.handled_at, found.duration_us, found.ignored) == (
            written.handled_at, 5, False,
        )  # fmt: skip


def test_a_row_that_is_there_already_is_refused_or_passed_over(group: ConsumerGroup) -> None:
    first, second = mark(group), mark(group)
    insert([first])

    with pytest.raises(IntegrityError):
        insert([first])
    insert([first, second], unless_known=True)

    assert HandledEvent.objects.count() == 2


def test_writing_no_rows_asks_nothing() -> None:
    insert([])


def test_handled_events_and_open_dead_letters_are_settled(group: ConsumerGroup) -> None:
    done = mark(group)
    insert([done])
    dead, resolved = letter(group, "new"), letter(group, "resolved")
    ids = [done.event_id, dead.event_id, resolved.event_id, new_event_id()]

    assert settled(group.pk, group.name, ids, ids) == {done.event_id, dead.event_id}


def test_a_dead_letter_that_was_asked_for_again_runs(group: ConsumerGroup) -> None:
    replaying = letter(group, "replaying")

    assert settled(group.pk, group.name, [replaying.event_id], []) == set()


def test_another_groups_marks_settle_nothing(group: ConsumerGroup) -> None:
    other = ConsumerGroup.objects.create(name="others")
    done = mark(other)
    insert([done])

    assert settled(group.pk, group.name, [done.event_id], [done.event_id]) == set()


def test_only_the_first_mark_of_a_relay_counts(bus: Bus) -> None:
    bus.publish(trade())
    row = StoredEvent.objects.get()

    mark_relayed([(row.event_id, now() + timedelta(hours=1))])

    assert StoredEvent.objects.get().relayed_at == row.relayed_at


def test_marks_together_wait_for_the_flush_and_keep_their_time(bus: Bus) -> None:
    relay.marks.together(True)
    try:
        bus.publish(trade())
        relayed_before = now()
        assert StoredEvent.objects.get().relayed_at is None
        relay.marks.flush()
    finally:
        relay.marks.together(False)

    relayed_at = StoredEvent.objects.get().relayed_at
    assert relayed_at is not None
    assert relayed_at <= relayed_before


def test_marks_that_sql_does_not_take_wait_on(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(marks: object) -> None:
        raise DatabaseError("database is locked")

    relay.marks.together(True)
    try:
        bus.publish(trade())
        with monkeypatch.context() as locked:
            locked.setattr(relay, "mark_relayed", refuses)
            with pytest.raises(DatabaseError):
                relay.marks.flush()
        relay.marks.flush()
    finally:
        relay.marks.together(False)

    assert StoredEvent.objects.get().relayed_at is not None
