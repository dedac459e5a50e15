from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from events import InvalidEvent, publish, publish_direct, relay
from events.envelope import Event
from events.models import StoredEvent
from events.store import remember
from events.transport.base import Append
from tests.bus_fixture import Bus
from tests.events.conftest import trade


def on_the_bus(bus: Bus) -> int:
    stream = "astra.trading.tradeexecuted.v1"
    return bus.transport.inspector.streams([stream])[stream].entries_added


def test_what_is_published_is_stored_and_relayed_at_once(bus: Bus) -> None:
    event = trade()

    result = publish(event)

    assert result.accepted == (event.event_id,)
    row = StoredEvent.objects.get()
    assert row.event == event
    assert row.relayed_at is not None
    assert on_the_bus(bus) == 1


def test_publishing_the_same_id_again_changes_nothing(bus: Bus) -> None:
    event = trade()
    publish(event)

    again = publish(event, trade())

    assert again.duplicates == (event.event_id,)
    assert len(again.accepted) == 1
    assert StoredEvent.objects.count() == on_the_bus(bus) == 2


def test_one_bad_event_keeps_the_whole_call_out(bus: Bus) -> None:
    bad = Event(
        event_id=trade().event_id,
        event_type="Trading.TradeExecuted",
        occurred_at=trade().occurred_at,
        correlation_id=trade().event_id,
        producer="p",
        domain="trading",
        entity_id="1",
        data={"user_id": 1},
    )

    with pytest.raises(InvalidEvent, match=r"data.symbol"):
        publish(trade(), bad)

    assert StoredEvent.objects.count() == on_the_bus(bus) == 0


def test_a_rolled_back_caller_has_published_nothing(bus: Bus) -> None:
    class Undone(Exception):
        pass

    def publish_and_think_again() -> None:
        with transaction.atomic():
            publish(trade())
            raise Undone

    with pytest.raises(Undone):
        publish_and_think_again()

    assert StoredEvent.objects.count() == on_the_bus(bus) == 0


def test_nothing_reaches_the_bus_before_the_callers_commit(bus: Bus) -> None:
    with transaction.atomic():
        publish(trade())
        assert on_the_bus(bus) == 0

    assert on_the_bus(bus) == 1


def test_a_bus_that_is_down_delays_but_loses_nothing(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "GRACE", relay.GRACE * 0)
    bus.memory.down = "test"

    result = publish(trade())

    assert len(result.accepted) == 1
    assert StoredEvent.objects.get().relayed_at is None
    bus.memory.down = ""
    relay.relay_waiting()
    assert StoredEvent.objects.get().relayed_at is not None
    assert on_the_bus(bus) == 1


def test_the_relay_leaves_young_rows_to_the_process_that_wrote_them(bus: Bus) -> None:
    bus.memory.down = "test"
    publish(trade())
    bus.memory.down = ""

    relay.relay_waiting()

    assert on_the_bus(bus) == 0


def test_a_row_relayed_twice_stands_on_the_bus_once(bus: Bus) -> None:
    publish(trade())
    row = StoredEvent.objects.get()

    relay.relay([Append(row.event.get_stream_name(), row.event_id, row.body.encode())])

    assert on_the_bus(bus) == 1


def test_events_that_came_by_the_bus_alone_are_remembered_once(bus: Bus) -> None:
    known, new = trade(), trade()
    publish(known)

    assert remember([known, new, new]) == 1
    assert StoredEvent.objects.get(event_id=new.event_id).relayed_at is not None


def test_of_an_id_that_comes_twice_in_one_call_the_first_is_stored(bus: Bus) -> None:
    first = trade("1.00")
    second = trade("2.00", event_id=first.event_id)

    result = publish(first, second)

    assert (result.accepted, result.duplicates) == ((first.event_id,), (first.event_id,))
    assert StoredEvent.objects.get().event == first


def test_what_was_changed_after_it_was_made_is_validated_again(bus: Bus) -> None:
    event = trade("1500.00")
    event.data["value"] = -1

    with pytest.raises(InvalidEvent, match=r"data\.value"):
        publish(event)

    event.data["value"] = "2.50"
    publish(event)
    assert StoredEvent.objects.get().event.data["value"] == "2.50"


def test_an_event_read_from_bytes_is_validated(bus: Bus) -> None:
    raw = trade().to_json().replace(b'"1500.00"', b'"-1"')

    with pytest.raises(InvalidEvent, match=r"data\.value"):
        publish(Event.from_json(raw))

    assert StoredEvent.objects.count() == 0


@pytest.mark.parametrize("given", [{"event_type": "X"}, "X", [1], None])
def test_what_is_no_event_is_refused_and_told_what_to_give(bus: Bus, given: Any) -> None:
    for say in (publish, publish_direct):
        with pytest.raises(InvalidEvent, match=r"give an Event: make it with Event.new"):
            say(given)
