"""Where an event stands on the bus for one group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import redis

from events import keys
from events.conf import bus_settings
from events.envelope import new_event_id
from events.transport import redis as redis_bus
from events.transport.base import (
    Append,
    Failure,
    Handled,
    Redelivery,
    RetryLater,
    Transport,
    Whereabouts,
)
from events.transport.redis.inspector import RedisInspector, _command
from events.transport.redis.whereabouts import whereabouts
from tests.servers import BusServer

STREAM = "astra.trading.tradeexecuted.v1"
FAILURE = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")


@pytest.fixture
def appended(opened: Transport) -> list[tuple[UUID, str]]:
    """Three events for the groups `a` and `b`, nothing delivered yet."""
    for group in ("a", "b"):
        opened.streams.ensure_group(STREAM, group)
    put = opened.streams.append([Append(STREAM, new_event_id(), b"%d" % n) for n in range(3)])
    return [(item.event_id, item.entry_id or "") for item in put]


def where(opened: Transport, wanted: list[tuple[UUID, str]], group: str = "a") -> list[Whereabouts]:
    found = opened.inspector.whereabouts(STREAM, group, wanted)
    return [found[event_id] for event_id, _ in wanted]


def test_what_was_not_delivered_yet_is_still_to_come(
    opened: Transport, appended: list[tuple[UUID, str]]
) -> None:
    assert where(opened, appended) == ["undelivered"] * 3

    opened.streams.read("a", "one", [STREAM], 1, 1)

    assert where(opened, appended) == ["pending", "undelivered", "undelivered"]
    assert where(opened, appended, "b") == ["undelivered"] * 3


def test_what_was_acknowledged_is_gone(opened: Transport, appended: list[tuple[UUID, str]]) -> None:
    first, *_ = opened.streams.read("a", "one", [STREAM], 3, 1)
    opened.streams.settle("a", [Handled(first)])

    assert where(opened, appended) == ["gone", "pending", "pending"]


def test_a_retry_is_held_while_it_waits_and_on_its_way(
    opened: Transport, appended: list[tuple[UUID, str]]
) -> None:
    first, *_ = opened.streams.read("a", "one", [STREAM], 3, 1)
    opened.streams.settle("a", [RetryLater(first, time.time() + 60, (FAILURE,))])
    assert where(opened, appended)[0] == "retry"

    opened.streams.promote(STREAM, "a", time.time() + 120)
    assert where(opened, appended)[0] == "retry"

    opened.streams.read("a", "one", [STREAM], 3, 1)
    assert where(opened, appended)[0] == "retry"


def test_what_was_put_back_is_a_first_delivery_of_that_group(
    opened: Transport, appended: list[tuple[UUID, str]]
) -> None:
    (event_id, _), *_ = appended
    for delivery in opened.streams.read("a", "one", [STREAM], 3, 1):
        opened.streams.settle("a", [Handled(delivery)])
    opened.streams.redeliver("a", [Redelivery(STREAM, str(event_id), b"0", asked=False)])

    assert where(opened, appended) == ["retry", "gone", "gone"]
    (again,) = opened.streams.read("a", "one", [STREAM], 3, 1)
    assert (again.retry, again.redelivered, again.attempt) == (True, False, 1)


def test_of_a_stream_or_group_that_is_gone_nothing_is_held(
    opened: Transport, appended: list[tuple[UUID, str]]
) -> None:
    assert where(opened, appended, "nobody") == ["gone"] * 3

    elsewhere = opened.inspector.whereabouts("astra.nothing.here.v1", "a", appended)
    assert set(elsewhere.values()) == {"gone"}


def test_where_the_entry_is_not_known_nobody_can_tell(
    opened: Transport, appended: list[tuple[UUID, str]]
) -> None:
    stranger = new_event_id()

    assert opened.inspector.whereabouts(STREAM, "a", [(stranger, "")]) == {stranger: "unknown"}


def test_an_incarnation_lasts_as_long_as_the_data(opened: Transport) -> None:
    assert opened.inspector.incarnation() == opened.inspector.incarnation()
    assert all(opened.inspector.incarnation())


@pytest.fixture
def real(valkey_server: BusServer) -> Iterator[Transport]:
    made = redis_bus.open_transport(replace(bus_settings(), redis_url=valkey_server.url))
    yield made
    redis_bus.close_transport(made)


def test_a_retry_that_moves_while_it_is_looked_for_is_found(real: Transport) -> None:
    """Woken between the first look and the second. In memory one look is one moment."""
    real.streams.ensure_group(STREAM, "a")
    (put,) = real.streams.append([Append(STREAM, new_event_id(), b"1")])
    (delivery,) = real.streams.read("a", "one", [STREAM], 1, 0)
    real.streams.settle("a", [RetryLater(delivery, time.time(), (FAILURE,))])
    looks: list[int] = []

    def moving(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if looks:
            real.streams.promote(STREAM, "a", time.time() + 1)
        looks.append(len(commands))
        inspector = real.inspector
        assert isinstance(inspector, RedisInspector)
        return inspector._looked([_command(*words) for words in commands], ("no such key",))

    wanted = [(put.event_id, put.entry_id or "")]
    assert whereabouts(moving, STREAM, "a", wanted) == {put.event_id: "retry"}
    assert len(looks) == 2


def test_foreign_bytes_on_a_retry_stream_are_delivered_as_they_are(
    real: Transport, valkey_server: BusServer
) -> None:
    """They become a dead letter; reading, sweeping and looking go on."""
    real.streams.ensure_group(STREAM, "a")
    (put,) = real.streams.append([Append(STREAM, new_event_id(), b"1")])
    with redis.Redis.from_url(valkey_server.url) as client:
        for fields in ({"r": b"\xc1 no pack"}, {"r": b"\x91\xa1a"}, {"x": b"y"}):
            client.xadd(keys.retry_stream(STREAM, "a"), fields)

    read = real.streams.read("a", "one", [STREAM], 10, 0)
    claimed = real.streams.reclaim(STREAM, "a", "two", 0.0)
    where = real.inspector.whereabouts(STREAM, "a", [(put.event_id, put.entry_id or "")])

    bodies = [b"1", b"r \xc1 no pack", b"r \x91\xa1a", b"x y"]
    assert [one.body for one in read] == [one.body for one in claimed] == bodies
    assert [one.retry for one in read] == [False, True, True, True]
    assert where == {put.event_id: "pending"}
    real.streams.settle("a", [Handled(one) for one in claimed])
    assert real.streams.reclaim(STREAM, "a", "two", 0.0) == []
