"""Straight to the bus: what is promised there, and what the errors tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from events import BusFull, BusUnavailable, Event, InvalidEvent, publish_direct, transport
from events import bus as publishing
from events.conf import bus_settings
from events.envelope import new_event_id
from events.models import StoredEvent
from events.pressure import gauge
from events.transport import redis
from events.transport.base import Append, Appended, ServerInfo, Transport
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.servers import BusServer

STREAM = "astra.trading.tradeexecuted.v1"


@pytest.fixture(autouse=True)
def nothing_was_read() -> None:
    gauge.forget()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "DIRECT_CHUNK", 2)


def on_the_bus(transport: Transport) -> list[str]:
    tail = transport.inspector.tail({STREAM: "0-0"}, 10_000, 0)
    return [entry.event_id for entry in tail]


def ids(events: Sequence[Event]) -> list[str]:
    return [str(event.event_id) for event in events]


def test_events_stand_on_the_bus_in_order_and_not_in_sql(bus: Bus, small_chunks: None) -> None:
    events = [trade() for _ in range(5)]

    result = publish_direct(*events)

    assert result.accepted == tuple(event.event_id for event in events)
    assert result.duplicates == ()
    assert on_the_bus(bus.transport) == ids(events)
    assert StoredEvent.objects.count() == 0


def test_what_came_straight_to_the_bus_is_stored_and_handled_like_all_else(bus: Bus) -> None:
    event = trade()
    publish_direct(event)

    bus.drain()

    stored = StoredEvent.objects.get(event_id=event.event_id)
    assert stored.event == event
    assert stored.relayed_at is not None
    assert len(bus.events("Financial.RevenueRecorded")) == 1


def test_an_id_that_is_on_the_bus_already_is_told_as_a_duplicate(bus: Bus) -> None:
    known, new = trade(), trade()
    publish_direct(known)

    result = publish_direct(known, new, new)

    assert result.accepted == (new.event_id,)
    assert result.duplicates == (known.event_id, new.event_id)
    assert on_the_bus(bus.transport) == ids([known, new])


def test_nothing_is_nothing(bus: Bus) -> None:
    assert publish_direct().accepted == ()


def test_one_bad_event_keeps_all_of_them_out(bus: Bus, small_chunks: None) -> None:
    bad = trade()
    bad.data["value"] = "-1"

    with pytest.raises(InvalidEvent, match=r"data\.value"):
        publish_direct(trade(), trade(), trade(), bad)

    assert on_the_bus(bus.transport) == []


def test_a_bus_that_goes_away_is_told_with_what_is_certain_and_what_is_not(
    bus: Bus, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [trade() for _ in range(5)]
    append, calls = bus.memory.append, iter([False, True])

    def reply_lost(batch: Sequence[Append]) -> list[Appended]:
        appended = append(batch)
        if next(calls):
            raise BusUnavailable("the bus server does not answer: test")
        return appended

    monkeypatch.setattr(bus.memory, "append", reply_lost)

    with pytest.raises(
        BusUnavailable, match="of 5 events 2 are on the bus, of 2 it is not"
    ) as told:
        publish_direct(*events)

    assert [str(i) for i in told.value.appended] == ids(events[:2])
    assert [str(i) for i in told.value.unknown] == ids(events[2:4])
    assert on_the_bus(bus.transport) == ids(events[:4])


def test_sending_everything_again_after_a_lost_reply_appends_nothing_twice(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [trade() for _ in range(3)]
    append = bus.memory.append

    def reply_lost(batch: Sequence[Append]) -> list[Appended]:
        append(batch)
        raise BusUnavailable("the bus server does not answer: test")

    monkeypatch.setattr(bus.memory, "append", reply_lost)
    with pytest.raises(BusUnavailable):
        publish_direct(*events)
    monkeypatch.undo()

    result = publish_direct(*events)

    assert [str(i) for i in result.duplicates] == ids(events)
    assert on_the_bus(bus.transport) == ids(events)


def test_a_bus_short_of_memory_takes_nothing_and_says_so(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerInfo("memory", "1", 81, 100, 0, "noeviction")
    monkeypatch.setattr(bus.memory, "server", lambda: server)

    with pytest.raises(BusFull, match="uses 81% of its maxmemory") as told:
        publish_direct(trade())

    assert (told.value.appended, told.value.unknown) == ((), ())
    assert on_the_bus(bus.transport) == []


def test_a_group_too_far_behind_stops_its_streams_alone(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_direct(trade(), trade())
    monkeypatch.setattr(
        "events.pressure.bus_settings", lambda: replace(bus_settings(), backlog_cap=1)
    )
    gauge.forget()
    other = Event.new(
        "User.UserRegistered", {"user_id": 7, "username": "ada", "email": "ada@example.com"}
    )

    with pytest.raises(BusFull, match=rf"is 2 entries behind on {STREAM}, more than 1"):
        publish_direct(trade())

    assert publish_direct(other).accepted == (other.event_id,)


@pytest.fixture
def real(own_valkey: BusServer) -> Iterator[Transport]:
    opened = redis.open_transport(replace(bus_settings(), redis_url=own_valkey.url))
    with transport.using(opened):
        yield opened
    redis.close_transport(opened)


def test_a_server_that_dies_is_told_and_what_it_took_is_not_told_as_lost(
    real: Transport, own_valkey: BusServer
) -> None:
    first = trade()
    publish_direct(first)
    own_valkey.kill()
    second = trade()

    with pytest.raises(BusUnavailable) as told:
        publish_direct(second)

    assert told.value.unknown == (second.event_id,)
    own_valkey.start()
    assert str(first.event_id) in on_the_bus(real)


def test_a_server_without_memory_left_is_full(real: Transport, own_valkey: BusServer) -> None:
    from redis import Redis

    publish_direct(trade())
    with Redis.from_url(own_valkey.url) as admin:
        admin.config_set("maxmemory", "1mb")

    with pytest.raises(BusFull, match=r"refuses|maxmemory"):
        publish_direct(*(trade() for _ in range(10)))


def test_thousands_of_events_come_through_one_call(real: Transport) -> None:
    events = [trade(event_id=new_event_id()) for _ in range(2_500)]

    result = publish_direct(*events)

    assert len(result.accepted) == 2_500
    assert on_the_bus(real) == ids(events)
