"""What the relay job passes over, what it slows for, and that nothing waits behind either."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from events import Event, publish, relay, transport
from events.conf import bus_settings
from events.envelope import now
from events.errors import BusRefused
from events.models import StoredEvent
from events.outbox import REFUSALS_IN_A_ROW, SLOW_ROWS, Outbox
from events.pressure import gauge
from events.registry import registry
from events.transport import redis
from events.transport.base import Append, Appended, ServerInfo, Transport
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.servers import BusServer
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"
OTHER = "Gamification.XPGained"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    gauge.forget()
    monkeypatch.setattr(relay, "_outbox", Outbox())


def other() -> Event:
    return Event.new(OTHER, registry.resolve(OTHER).example)


def wait_in_sql(bus: Bus, *events: Event) -> None:
    bus.memory.down = "test"
    publish(*events)
    bus.memory.down = ""
    StoredEvent.objects.update(stored_at=now() - timedelta(minutes=1))


def waiting() -> list[Event]:
    return [row.event for row in StoredEvent.objects.filter(relayed_at=None).order_by("seq")]


def refuse(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, bad: Sequence[Event] = (), stream: str = ""
) -> None:
    """A server that refuses some events, or a stream, whatever is sent with them."""
    append, ids = bus.memory.append, {event.event_id for event in bad}

    def choosy(batch: Sequence[Append]) -> list[Appended]:
        if any(item.event_id in ids or item.stream == stream for item in batch):
            raise BusRefused("the bus server refuses: test")
        return append(batch)

    monkeypatch.setattr(bus.memory, "append", choosy)


def use_memory(bus: Bus, monkeypatch: pytest.MonkeyPatch, percent: int) -> None:
    server = ServerInfo("memory", "1", percent, 100, 0, "noeviction")
    monkeypatch.setattr(bus.memory, "server", lambda: server)
    gauge.forget()


def cap_backlog(monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    capped = replace(bus_settings(), backlog_cap=cap)
    monkeypatch.setattr("events.pressure.bus_settings", lambda: capped)
    gauge.forget()


def test_a_row_the_server_refuses_blocks_nothing_behind_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, behind = trade(), trade(), trade()
    wait_in_sql(bus, good, bad, behind, other())
    refuse(bus, monkeypatch, [bad])

    relay.relay_waiting()

    assert waiting() == [bad]


def test_refused_rows_fill_no_page_for_those_behind(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, behind = [trade() for _ in range(6)], [other(), other(), other()]
    wait_in_sql(bus, *bad, *behind)
    refuse(bus, monkeypatch, stream=STREAM)
    monkeypatch.setattr(relay, "BATCH", 2)

    for _ in range(3):
        relay.relay_waiting()

    assert waiting() == bad


def test_a_stream_whose_rows_are_all_refused_is_left_alone_for_a_while(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_sql(bus, *(trade() for _ in range(10)))
    tried: list[int] = []

    def refused(batch: Sequence[Append]) -> list[Appended]:
        tried.append(len(batch))
        raise BusRefused("the bus server refuses: test")

    monkeypatch.setattr(bus.memory, "append", refused)

    relay.relay_waiting()
    relay.relay_waiting()

    assert tried == [10, 10, *[1] * REFUSALS_IN_A_ROW]
    assert len(waiting()) == 10


def test_what_was_refused_goes_out_once_its_time_aside_is_over(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = trade()
    wait_in_sql(bus, bad)
    monkeypatch.setattr("events.outbox.ASIDE_S", 0.0)
    with pytest.MonkeyPatch.context() as meanwhile:
        refuse(bus, meanwhile, [bad])
        relay.relay_waiting()
    assert waiting() == [bad]

    relay.relay_waiting()

    assert waiting() == []


def test_single_rows_that_are_refused_do_not_condemn_their_stream(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [trade() for _ in range(2 * REFUSALS_IN_A_ROW)]
    mixed = [event for one in bad for event in (one, trade())]
    wait_in_sql(bus, *mixed)
    refuse(bus, monkeypatch, bad)

    relay.relay_waiting()

    assert waiting() == bad


def test_a_bus_short_of_memory_is_given_a_trickle_oldest_first(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events = [trade() for _ in range(SLOW_ROWS + 5)]
    wait_in_sql(bus, *events)
    use_memory(bus, monkeypatch, 85)

    with caplog.at_level(logging.INFO, "events.outbox"):
        relay.relay_waiting()
        assert waiting() == events[SLOW_ROWS:]
        assert "the relay slows: the bus server uses 85%" in caplog.text

        use_memory(bus, monkeypatch, 50)
        relay.relay_waiting()

    assert waiting() == []
    assert "usual pace" in caplog.text


def test_a_group_too_far_behind_slows_its_stream_and_no_other(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(trade(), trade())
    held, free = [trade() for _ in range(SLOW_ROWS + 5)], [other() for _ in range(5)]
    relay.reopen()
    wait_in_sql(bus, *held, *free)
    cap_backlog(monkeypatch, 1)
    monkeypatch.setattr(relay, "BATCH", SLOW_ROWS + 1)

    relay.relay_waiting()

    assert waiting() == held[SLOW_ROWS:]


def test_publishing_goes_on_into_sql_when_the_bus_has_little_room(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_memory(bus, monkeypatch, 85)
    event = trade()

    result = publish(event)

    assert result.accepted == (event.event_id,)
    assert waiting() == [event]

    use_memory(bus, monkeypatch, 50)
    publish(trade())
    assert waiting() == [event]


def test_a_mark_that_was_lost_takes_the_entry_that_is_there(bus: Bus) -> None:
    event = trade()
    publish(event)
    (entry,) = bus.transport.inspector.tail({STREAM: "0-0"}, 10, 0)
    StoredEvent.objects.update(relayed_at=None, entry_id="", stored_at=now() - timedelta(minutes=1))

    relay.relay_waiting()

    row = StoredEvent.objects.get()
    assert row.relayed_at is not None
    assert row.entry_id == entry.entry_id


@pytest.fixture
def real(own_valkey: BusServer, transactional_db: None) -> Iterator[Transport]:
    """The process's own two transports on a real server; the ordinary one is very patient."""
    settings = replace(bus_settings(), redis_url=own_valkey.url)
    patient, hasty = redis.open_transport(settings, 120.0), redis.open_transport(settings, 0.2)
    relay.reopen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "_opened", lambda: patient)
        patch.setattr(transport, "_opened_hasty", lambda: hasty)
        yield patient
    redis.close_transport(patient)
    redis.close_transport(hasty)


@pytest.mark.parametrize("read_before", [True, False], ids=["known", "unknown"])
def test_publishing_does_not_wait_for_a_bus_that_hangs(
    real: Transport, own_valkey: BusServer, read_before: bool
) -> None:
    if read_before:
        publish(trade())
    own_valkey.pause()
    published = threading.Event()

    def accept() -> None:
        try:
            publish(trade())
            published.set()
        finally:
            from django.db import connections

            connections.close_all()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        eventually(published.is_set, 20, what="the event is accepted")
        assert len(waiting()) == 1
    finally:
        own_valkey.resume()
        thread.join()
    StoredEvent.objects.update(stored_at=now() - timedelta(minutes=1))
    relay.relay_waiting()

    assert waiting() == []
    stored = {(str(row.event_id), row.entry_id) for row in StoredEvent.objects.all()}
    tail = real.inspector.tail({STREAM: "0-0"}, 10, 0)
    assert {(entry.event_id, entry.entry_id) for entry in tail} == stored


def test_a_key_of_another_kind_in_a_streams_place_stops_that_stream_alone(
    real: Transport, own_valkey: BusServer
) -> None:
    with Redis.from_url(own_valkey.url) as admin:
        admin.set(STREAM, "not a stream")
    wrong, good = trade(), other()
    publish(wrong, good)
    StoredEvent.objects.update(stored_at=now() - timedelta(minutes=1))

    relay.relay_waiting()

    assert waiting() == [wrong]
