"""Where an event stands on the bus for one group."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from events.envelope import new_event_id
from events.transport.base import (
    Append,
    Failure,
    Handled,
    Redelivery,
    RetryLater,
    Transport,
    Whereabouts,
)

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
