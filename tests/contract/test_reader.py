"""Reads that one thread awaits for many groups at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from events.conf import bus_settings
from events.envelope import new_event_id
from events.errors import BusUnavailable
from events.transport import redis
from events.transport.base import Append, GroupMissing, Reader, Redelivery, Transport
from tests.servers import BusServer
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"
OTHER = "astra.gamification.xpgained.v1"


@pytest.fixture
def reader(opened: Transport) -> Iterator[Reader]:
    """Group `a` on one stream."""
    opened.streams.ensure_group(STREAM, "a")
    made = opened.streams.reader("a", "one", [STREAM])
    yield made
    made.close()


def append(opened: Transport, *bodies: bytes, stream: str = STREAM) -> None:
    opened.streams.append([Append(stream, new_event_id(), body) for body in bodies])


def taken(opened: Transport, reader: Reader, count: int = 10) -> list[bytes]:
    """Ask, wait and take; bodies in their order."""
    reader.ask(count)
    assert opened.streams.wait([reader], 5.0) == [reader]
    return [delivery.body for delivery in reader.take()]


def test_it_takes_what_was_there_before_it_asked(opened: Transport, reader: Reader) -> None:
    append(opened, b"1", b"2", b"3")

    assert taken(opened, reader, count=2) == [b"1", b"2"]
    assert taken(opened, reader) == [b"3"]


def test_it_takes_what_comes_while_it_waits(opened: Transport, reader: Reader) -> None:
    reader.ask(10)
    assert opened.streams.wait([reader], 0.01) == []
    assert reader.take() == []

    append(opened, b"1")

    assert opened.streams.wait([reader], 5.0) == [reader]
    assert [delivery.body for delivery in reader.take()] == [b"1"]


def test_asking_twice_delivers_once(opened: Transport, reader: Reader) -> None:
    append(opened, b"1", b"2")
    reader.ask(1)
    reader.ask(1)
    opened.streams.wait([reader], 5.0)

    assert [delivery.body for delivery in reader.take()] == [b"1"]
    assert reader.take() == []
    (group,) = opened.inspector.streams([STREAM])[STREAM].groups
    assert group.pending == 1


def test_redeliveries_come_the_same_way(opened: Transport, reader: Reader) -> None:
    opened.streams.redeliver("a", [Redelivery(STREAM, "x", b"again")])
    reader.ask(10)
    opened.streams.wait([reader], 5.0)

    (delivery,) = reader.take()
    assert (delivery.body, delivery.retry, delivery.redelivered) == (b"again", True, True)


def test_of_many_only_those_with_something_are_told(opened: Transport, reader: Reader) -> None:
    opened.streams.ensure_group(OTHER, "b")
    other = opened.streams.reader("b", "one", [OTHER])
    reader.ask(10)
    other.ask(10)

    append(opened, b"1", stream=OTHER)

    assert opened.streams.wait([reader, other], 5.0) == [other]
    assert [delivery.body for delivery in other.take()] == [b"1"]
    assert other.close() == []


def test_a_group_that_is_gone_is_that_readers_trouble(opened: Transport, reader: Reader) -> None:
    missing = opened.streams.reader("nobody", "one", [STREAM])
    missing.ask(10)
    assert opened.streams.wait([missing], 5.0) == [missing]
    with pytest.raises(GroupMissing):
        missing.take()

    opened.streams.ensure_group(STREAM, "nobody")
    append(opened, b"1")

    assert taken(opened, missing) == [b"1"]
    missing.close()
    assert taken(opened, reader) == [b"1"]


def test_closing_gives_what_was_on_its_way(opened: Transport, reader: Reader) -> None:
    reader.ask(10)
    append(opened, b"1", b"2")
    opened.streams.wait([reader], 5.0)

    assert b"1" in [delivery.body for delivery in reader.close()]


def test_closing_does_not_wait_for_the_block_to_end(opened: Transport, reader: Reader) -> None:
    reader.ask(10)
    closed = threading.Event()
    threading.Thread(target=lambda: (reader.close(), closed.set()), daemon=True).start()

    # A block takes 2 s; a reader that waited for its end would not be closed by then.
    assert closed.wait(1.5)


def test_a_server_that_dies_is_told_by_every_reader(own_valkey: BusServer) -> None:
    with open_redis(own_valkey.url) as opened:
        opened.streams.ensure_group(STREAM, "a")
        reader = opened.streams.reader("a", "one", [STREAM])
        reader.ask(10)
        own_valkey.kill()

        assert opened.streams.wait([reader], 5.0) == [reader]
        with pytest.raises(BusUnavailable):
            reader.take()
        with pytest.raises(BusUnavailable):
            reader.ask(10)

        own_valkey.start()
        eventually(lambda: asked(reader), what="it connects again")
        append(opened, b"1")
        opened.streams.wait([reader], 5.0)
        assert [delivery.body for delivery in reader.take()] == [b"1"]


def test_a_server_that_says_nothing_for_too_long_is_not_available(
    own_valkey: BusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis.reader, "BLOCK_MARGIN_S", -1.9)
    with open_redis(own_valkey.url) as opened:
        opened.streams.ensure_group(STREAM, "a")
        reader = opened.streams.reader("a", "one", [STREAM])
        reader.ask(10)
        own_valkey.pause()

        eventually(lambda: opened.streams.wait([reader], 0.05), what="it is overdue")
        with pytest.raises(BusUnavailable, match="no reply in time"):
            reader.take()
        own_valkey.resume()


@contextmanager
def open_redis(url: str) -> Iterator[Transport]:
    transport = redis.open_transport(replace(bus_settings(), redis_url=url))
    yield transport
    redis.close_transport(transport)


def asked(reader: Reader) -> bool:
    try:
        reader.ask(10)
    except BusUnavailable:
        return False
    return True
