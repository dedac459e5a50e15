"""The relay, as far as `test_publishing.py` does not need it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import QuerySet
from pytest_django import Settings

from events import BusUnavailable, Event, publish, relay
from events.models import StoredEvent
from events.transport.base import Append, Appended, TailEntry
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"


def wait_in_sql(bus: Bus, *events: Event) -> None:
    """Publish while the bus is down, and let the time pass that the job leaves to us."""
    bus.memory.down = "test"
    for event in events:
        publish(event)
    bus.memory.down = ""
    StoredEvent.objects.update(stored_at=events[0].occurred_at - timedelta(minutes=1))


def on_the_bus(bus: Bus) -> list[TailEntry]:
    return bus.transport.inspector.tail({STREAM: "0-0"}, 1_000, 0)


def waiting() -> int:
    return StoredEvent.objects.filter(relayed_at=None).count()


def test_what_waits_goes_out_oldest_first(bus: Bus) -> None:
    events = [trade() for _ in range(5)]
    wait_in_sql(bus, *events)

    relay.relay_waiting()

    assert [entry.event_id for entry in on_the_bus(bus)] == [str(e.event_id) for e in events]
    assert [entry.body for entry in on_the_bus(bus)] == [event.to_json() for event in events]


def test_the_outbox_is_emptied_in_bounded_batches(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    append = bus.memory.append

    def counted(batch: Sequence[Append]) -> list[Appended]:
        sizes.append(len(batch))
        return append(batch)

    wait_in_sql(bus, *(trade() for _ in range(5)))
    monkeypatch.setattr(bus.memory, "append", counted)
    monkeypatch.setattr(relay, "BATCH", 2)

    relay.relay_waiting()

    assert sizes == [2, 2, 1]
    assert waiting() == 0


def test_a_row_that_was_passed_over_is_found_later(bus: Bus) -> None:
    early, late = trade(), trade()
    wait_in_sql(bus, early)
    relay.reopen()
    publish(late)
    assert [entry.event_id for entry in on_the_bus(bus)] == [str(late.event_id)]

    relay.relay_waiting()

    assert str(early.event_id) in [entry.event_id for entry in on_the_bus(bus)]


def test_what_is_relayed_is_not_relayed_again(bus: Bus) -> None:
    publish(trade())
    StoredEvent.objects.update(stored_at=trade().occurred_at - timedelta(minutes=1))
    bus.memory._seen.clear()

    relay.relay_waiting()

    assert len(on_the_bus(bus)) == 1


def test_a_relay_that_fails_raises_and_marks_nothing(bus: Bus) -> None:
    wait_in_sql(bus, trade())
    bus.memory.down = "test"

    with pytest.raises(BusUnavailable):
        relay.relay_waiting()

    assert waiting() == 1


def test_the_moment_of_the_first_relay_stays(bus: Bus) -> None:
    publish(trade())
    row = StoredEvent.objects.get()

    relay.relay([Append(row.event.get_stream_name(), row.event_id, row.body.encode())])

    assert row.relayed_at is not None
    assert StoredEvent.objects.get().relayed_at == row.relayed_at


def test_after_a_failure_publishing_does_not_wait_for_the_bus_again(bus: Bus) -> None:
    bus.memory.down = "test"
    publish(trade())
    bus.memory.down = ""

    publish(trade())
    assert on_the_bus(bus) == []

    relay.reopen()
    publish(trade())
    assert len(on_the_bus(bus)) == 1


def test_publishing_succeeds_when_sql_takes_no_mark_after_the_commit(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: QuerySet[StoredEvent], **changes: object) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(QuerySet, "update", locked)
    event = trade()

    result = publish(event)

    assert result.accepted == (event.event_id,)
    monkeypatch.undo()
    StoredEvent.objects.update(stored_at=event.occurred_at - timedelta(minutes=1))
    relay.relay_waiting()
    assert (waiting(), len(on_the_bus(bus))) == (0, 1)


def test_the_job_marks_what_it_relays_before_it_looks_again(
    bus: Bus, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_sql(bus, trade())
    settings.ASTRA = {**settings.ASTRA, "mark_every_s": 60}
    monkeypatch.setattr(relay, "marks", relay.Marks())

    relay.relay_waiting()

    assert waiting() == 0
