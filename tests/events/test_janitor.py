from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import Context, Event, janitor, publish
from events.envelope import new_event_id, now
from events.groups import Group
from events.janitor import remove_old_rows, trim_streams
from events.models import ConsumerGroup, DeadLetter, HandledEvent, StoredEvent
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"
TWO_DAYS_S = 2 * 24 * 3_600


def days_ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def marks(count: int, age_days: float) -> None:
    """Inbox marks of that age."""
    group, _ = ConsumerGroup.objects.get_or_create(name="testers")
    HandledEvent.objects.bulk_create(
        HandledEvent(
            group=group,
            event_id=new_event_id(),
            handled_at=days_ago(age_days),
            duration_us=1,
            attempts=1,
        )
        for _ in range(count)
    )


def letter(**changes: Any) -> int:
    facts: dict[str, Any] = {
        "group_name": "testers",
        "event_id": new_event_id(),
        "stream": STREAM,
        "body": b"{}",
        "first_failed_at": days_ago(1_000),
        "last_failed_at": days_ago(1_000),
    }
    return DeadLetter.objects.create(**{**facts, **changes}).pk


@pytest.fixture
def one_old_event(bus: Bus) -> StoredEvent:
    """Stored and relayed 31 days ago."""
    publish(trade())
    StoredEvent.objects.update(stored_at=days_ago(31), relayed_at=days_ago(31))
    return StoredEvent.objects.get()


def test_events_and_marks_go_when_they_have_outlived_their_retention(
    one_old_event: StoredEvent,
) -> None:
    publish(trade())
    marks(2, age_days=31)
    marks(3, age_days=29)

    remove_old_rows()

    assert one_old_event not in StoredEvent.objects.all()
    assert StoredEvent.objects.count() == 1
    assert HandledEvent.objects.count() == 3


def test_an_event_that_was_never_relayed_is_never_removed(one_old_event: StoredEvent) -> None:
    StoredEvent.objects.update(relayed_at=None, stored_at=days_ago(3_000))

    remove_old_rows()

    assert StoredEvent.objects.get() == one_old_event


def test_a_retention_of_nought_keeps_everything(
    one_old_event: StoredEvent, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 0}
    marks(1, age_days=3_000)
    letter(state="resolved", resolved_at=days_ago(3_000))

    remove_old_rows()

    counts = [model.objects.count() for model in (StoredEvent, HandledEvent, DeadLetter)]
    assert counts == [1, 1, 1]


def test_a_shorter_retention_removes_more(one_old_event: StoredEvent, settings: Settings) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 3}
    marks(1, age_days=4)
    marks(1, age_days=2)

    remove_old_rows()

    assert (StoredEvent.objects.count(), HandledEvent.objects.count()) == (0, 1)


@pytest.mark.parametrize("state", ["new", "investigating", "replaying", "discarded"])
def test_a_letter_that_is_not_resolved_is_never_removed(db: None, state: str) -> None:
    letter(state=state, resolved_at=days_ago(1_000))

    remove_old_rows()

    assert DeadLetter.objects.count() == 1


def test_a_resolved_letter_stays_for_ninety_days_more(db: None) -> None:
    letter(state="resolved", resolved_at=days_ago(30 + 91))
    kept = letter(state="resolved", resolved_at=days_ago(30 + 89))

    remove_old_rows()

    assert [left.pk for left in DeadLetter.objects.all()] == [kept]


def test_rows_are_removed_in_bounded_batches(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "BATCH", 10)
    marks(25, age_days=31)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        remove_old_rows()

    deletes = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    begins = [query for query in queries if query["sql"].startswith(("BEGIN", "SAVEPOINT"))]
    assert [sql.count(",") + 1 for sql in deletes] == [10, 10, 5]
    assert len(begins) == 3
    assert HandledEvent.objects.count() == 0


def test_entries_go_when_they_are_old_and_everybody_has_finished_them(bus: Bus) -> None:
    old_entries(bus, 3)
    bus.drain()
    bus.clock.advance(TWO_DAYS_S)
    publish(trade())
    bus.drain()

    trim_streams()

    (left,) = bus.transport.inspector.tail({STREAM: "0-0"}, 10, 0)
    assert left.event_id == str(bus.events("Trading.TradeExecuted")[-1].event_id)


def test_young_entries_stay(bus: Bus) -> None:
    publish(trade(), trade())
    bus.drain()

    trim_streams()

    assert length(bus) == 2


def test_what_one_group_has_not_read_stays(bus: Bus, group_of: Callable[..., Group]) -> None:
    def note(event: Event, context: Context) -> None: ...

    group_of(note, name="absent")
    old_entries(bus, 3)
    bus.drain()
    bus.clock.advance(TWO_DAYS_S)

    trim_streams()

    assert length(bus) == 3


def test_what_one_group_has_not_finished_stays(bus: Bus, group_of: Callable[..., Group]) -> None:
    def note(event: Event, context: Context) -> None: ...

    group_of(note, name="slow")
    old_entries(bus, 3)
    bus.drain()
    bus.transport.streams.read("slow", "one", [STREAM], 10, 0)
    bus.clock.advance(TWO_DAYS_S)

    trim_streams()

    assert length(bus) == 3


def old_entries(bus: Bus, count: int) -> None:
    """Entries of two days ago; the clock stays there."""
    bus.clock.advance(-TWO_DAYS_S)
    publish(*(trade() for _ in range(count)))


def length(bus: Bus) -> int:
    return bus.transport.inspector.streams([STREAM])[STREAM].length
