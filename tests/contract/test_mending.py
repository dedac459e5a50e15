"""What every transport must do with retries that wait and entries that are held."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import pytest
import redis

from events import keys
from events.envelope import new_event_id
from events.transport.base import Append, Delivery, Failure, Handled, RetryLater, Transport
from events.transport.memory import MemoryBus
from events.transport.mending import Dropped, Held, WaitingRetry
from tests.contract.conftest import SERVERS
from tests.waiting import eventually

STREAM, OTHER = "astra.trading.tradeexecuted.v1", "astra.trading.orderplaced.v1"
PAIRS = [(STREAM, "a"), (OTHER, "a"), (STREAM, "b")]
FIRST = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")
SECOND = Failure("2026-01-01T00:00:05+00:00", "ValueError", "bad", "host:2:b")

Lose = Callable[[Delivery], None]


@pytest.fixture
def bus(opened: Transport) -> Transport:
    for stream, group in PAIRS:
        opened.streams.ensure_group(stream, group)
    return opened


@pytest.fixture
def lose(bus: Transport, request: pytest.FixtureRequest) -> Lose:
    """Let an entry be gone from its stream, or retry stream, while it is held."""

    def of(delivery: Delivery) -> None:
        if isinstance(bus.streams, MemoryBus):
            found = (
                bus.streams._retry[STREAM, "a"] if delivery.retry else bus.streams._streams[STREAM]
            )
            ms, _, sequence = delivery.entry_id.partition("-")
            del found.entries[int(ms), int(sequence)]
            return
        source = keys.retry_stream(STREAM, "a") if delivery.retry else STREAM
        server = request.getfixturevalue(SERVERS[request.node.callspec.params["opened_with"]])
        with redis.Redis.from_url(server.url) as client:
            assert client.xdel(source, delivery.entry_id) == 1

    return of


def put(bus: Transport, *bodies: bytes, stream: str = STREAM) -> list[UUID]:
    batch = [Append(stream, new_event_id(), body) for body in bodies]
    bus.streams.append(batch)
    return [item.event_id for item in batch]


def take(bus: Transport, count: int = 10, consumer: str = "one") -> list[Delivery]:
    return bus.streams.read("a", consumer, [STREAM, OTHER], count, 0)


def fail(
    bus: Transport, body: bytes, due_in_s: float, *failures: Failure, stream: str = STREAM
) -> str:
    """Let an event wait for a retry; its id."""
    (event_id,) = put(bus, body, stream=stream)
    (delivery,) = take(bus)
    later = RetryLater(delivery, time.time() + due_in_s, failures or (FIRST,))
    assert bus.streams.settle("a", [later]) == [True]
    return str(event_id)


def waiting(bus: Transport, *event_ids: str, limit: int = 10) -> list[WaitingRetry]:
    return bus.inspector.waiting_retries(PAIRS, limit, event_ids)


def held(delivery: Delivery, consumer: str = "one") -> Held:
    return Held(delivery.stream, delivery.entry_id, consumer, delivery.retry)


def test_retries_are_listed_those_due_first_with_all_that_is_known_of_them(bus: Transport) -> None:
    at = time.time()
    late = fail(bus, b"late", 90, FIRST, SECOND)
    soon = fail(bus, b"soon", 30, stream=OTHER)
    last = fail(bus, b"last", 120)

    found = waiting(bus, limit=2)

    assert [(one.event_id, one.stream, one.group) for one in found] == [
        (soon, OTHER, "a"), (late, STREAM, "a"),
    ]  # fmt: skip
    assert (found[1].body, found[1].failures) == (b"late", (FIRST, SECOND))
    assert abs(found[1].due_at.timestamp() - at - 90) < 5
    assert [one.event_id for one in waiting(bus, last, "nobody", late)] == [late, last]
    assert bus.inspector.waiting_retries([(STREAM, "b"), ("none", "a")], 10) == []
    assert take(bus) == []


def test_a_hastened_retry_is_due_at_once_and_only_what_waits_is_hastened(bus: Transport) -> None:
    one, other = fail(bus, b"one", 60), fail(bus, b"other", 60)
    assert bus.streams.promote(STREAM, "a", time.time()) == 0

    assert bus.mending.hasten(STREAM, "a", [one, "nobody"], time.time()) == [True, False]

    assert [retry.event_id for retry in waiting(bus)] == [one, other]
    assert bus.streams.promote(STREAM, "a", time.time() + 1) == 1
    (delivery,) = take(bus)
    assert (delivery.event_id, delivery.attempt) == (one, 2)
    assert bus.mending.hasten(STREAM, "a", [one], time.time()) == [False]
    assert [retry.event_id for retry in waiting(bus)] == [other]


def test_hastening_puts_nothing_off(bus: Transport) -> None:
    event_id = fail(bus, b"1", 10)

    bus.mending.hasten(STREAM, "a", [event_id], time.time() + 1_000)

    assert bus.streams.promote(STREAM, "a", time.time() + 20) == 1


def test_a_retry_taken_away_is_never_run_and_leaves_nothing(bus: Transport) -> None:
    fail(bus, b"1", 60)
    kept = fail(bus, b"2", 60, stream=OTHER)
    first, second = waiting(bus)

    assert bus.mending.take_away([first, first]) == [True, False]

    assert [one.event_id for one in waiting(bus)] == [kept]
    assert bus.streams.promote(STREAM, "a", time.time() + 100) == 0
    assert bus.mending.take_away([second]) == [True]
    counts = bus.inspector.retries(PAIRS)
    assert [info.waiting for info in counts.values()] == [0, 0, 0]


def test_a_retry_that_was_woken_or_failed_again_since_is_not_taken_away(bus: Transport) -> None:
    event_id = fail(bus, b"1", 0)
    (seen,) = waiting(bus)
    bus.streams.promote(STREAM, "a", time.time() + 1)
    info = bus.inspector.retries([(STREAM, "a")])[STREAM, "a"]
    assert (info.waiting, info.woken) == (1, 1)
    assert bus.mending.take_away([seen]) == [False]

    (delivery,) = take(bus)
    bus.streams.settle("a", [RetryLater(delivery, time.time() + 60, (FIRST, SECOND))])

    assert bus.mending.take_away([seen]) == [False]
    assert [one.event_id for one in waiting(bus)] == [event_id]


def test_a_hastened_retry_can_still_be_taken_away(bus: Transport) -> None:
    event_id = fail(bus, b"1", 60)
    (seen,) = waiting(bus)
    bus.mending.hasten(STREAM, "a", [event_id], time.time())

    assert bus.mending.take_away([seen]) == [True]


def test_what_is_held_is_listed_oldest_first_and_looking_claims_nothing(bus: Transport) -> None:
    fail(bus, b"again", 0, stream=OTHER)
    ids = put(bus, b"1", b"2", b"3")
    first, second, third = take(bus, consumer="one")
    newest_ms = int(third.entry_id.partition("-")[0])
    eventually(lambda: time.time() * 1_000 > newest_ms + 1, what="the next millisecond")
    bus.streams.promote(OTHER, "a", time.time() + 1)
    (again,) = take(bus, consumer="two")

    found = bus.inspector.pending_entries(PAIRS, 10)
    bus.inspector.pending_entries(PAIRS, 10)

    assert [one.held for one in found] == [
        held(first), held(second), held(third), held(again, "two"),
    ]  # fmt: skip
    assert [one.delivery and one.delivery.body for one in found] == [b"1", b"2", b"3", b"again"]
    assert found[0].delivery == first
    assert (str(ids[0]), 1) == (first.event_id, found[0].starts)
    assert found[3].held.retry
    assert 0 <= found[0].idle_s < 60
    assert [one.held for one in bus.inspector.pending_entries(PAIRS, 2)] == [
        held(first), held(second),
    ]  # fmt: skip
    assert [one.held for one in bus.inspector.pending_entries(PAIRS, 9, "two")] == [
        held(again, "two")
    ]
    assert bus.inspector.pending_entries([("none", "a"), (STREAM, "none")], 10) == []


def test_an_entry_is_looked_up_by_its_place_whoever_holds_it(bus: Transport) -> None:
    put(bus, b"1", b"2")
    first, second = take(bus, consumer="one")
    bus.streams.settle("a", [Handled(second)])

    found = bus.inspector.pending_at(
        "a", [held(first, "somebody"), held(second), Held(STREAM, "1-0", "one", retry=True)]
    )

    assert found[0] is not None
    assert found[0].held == held(first, "one")
    assert found[1:] == [None, None]
    assert bus.inspector.pending_at("none", [held(first)]) == [None]


def test_what_is_handed_back_is_taken_over_at_once_with_its_starts(bus: Transport) -> None:
    put(bus, b"1", b"2")
    take(bus, consumer="dead")
    one, other = bus.streams.reclaim(STREAM, "a", "stuck", 0.0)
    bus.streams.begin("a", "stuck", one)

    told = bus.mending.hand_back("a", [held(one, "dead"), held(one, "stuck"), held(one, "stuck")])

    assert told == [False, True, False]
    (claimed,) = bus.streams.reclaim(STREAM, "a", "alive", 60.0)
    assert (claimed.body, claimed.starts) == (b"1", 2)
    (left,) = bus.inspector.pending_entries(PAIRS, 10, "stuck")
    assert left.held == held(other, "stuck")


def test_what_nobody_holds_is_not_handed_back(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus)
    bus.streams.settle("a", [Handled(delivery)])

    assert bus.mending.hand_back("a", [held(delivery)]) == [False]
    assert bus.inspector.pending_entries(PAIRS, 10) == []


@pytest.mark.parametrize("retried", [False, True])
def test_an_entry_that_is_gone_is_seen_and_only_such_a_one_is_dropped(
    bus: Transport, lose: Lose, retried: bool
) -> None:
    if retried:
        fail(bus, b"1", 0)
        fail(bus, b"2", 0)
        bus.streams.promote(STREAM, "a", time.time() + 1)
    else:
        put(bus, b"1", b"2")
    gone, there = take(bus)
    lose(gone)

    dangling, whole = bus.inspector.pending_entries(PAIRS, 10)
    assert (dangling.held, dangling.delivery) == (held(gone), None)
    assert whole.delivery == there
    (looked_up,) = bus.inspector.pending_at("a", [held(gone)])
    assert looked_up is not None
    assert (looked_up.held, looked_up.delivery) == (held(gone), None)
    assert bus.mending.hand_back("a", [held(gone)]) == [False]
    assert len(bus.inspector.pending_entries(PAIRS, 10)) == 2

    told = bus.mending.drop_lost("a", [held(gone), held(there), held(gone)])

    assert told == [True, False, False]
    assert [one.held for one in bus.inspector.pending_entries(PAIRS, 10)] == [held(there)]


def test_a_sweep_says_what_was_gone_and_goes_on(
    bus: Transport, lose: Lose, caplog: pytest.LogCaptureFixture
) -> None:
    put(bus, b"1", b"2")
    gone, _ = take(bus, consumer="dead")
    lose(gone)

    claimed = bus.streams.reclaim(STREAM, "a", "alive", 0.0)

    assert [one.body for one in claimed] == [b"2"]
    assert f"group a: entries of {STREAM} were gone" in caplog.text
    assert gone.entry_id in caplog.text


@pytest.mark.parametrize("retried", [False, True])
def test_what_a_sweep_has_dropped_is_told_until_it_was_looked_after(
    bus: Transport, lose: Lose, retried: bool
) -> None:
    if retried:
        fail(bus, b"1", 0)
        bus.streams.promote(STREAM, "a", time.time() + 1)
    else:
        put(bus, b"1")
    (gone,) = take(bus, consumer="dead")
    lose(gone)
    assert bus.mending.dropped([STREAM]) == []

    bus.streams.reclaim(STREAM, "a", "alive", 0.0)
    bus.streams.reclaim(STREAM, "a", "alive", 0.0)

    found = bus.mending.dropped([STREAM, "astra.other.v1"])
    assert found == [Dropped(STREAM, "a", gone.entry_id, retry=retried)]
    assert bus.mending.dropped(["astra.other.v1"]) == []
    bus.mending.forget_dropped(found)
    assert bus.mending.dropped([STREAM]) == []


@pytest.mark.parametrize("retry", [False, True])
def test_a_held_entry_has_a_key_that_names_it_again(retry: bool) -> None:
    entry = Held(STREAM, "1700000000000-3", "a host, with @ and %:1:a", retry)

    assert Held.of(entry.key) == entry
    assert "," not in entry.key
    assert " " not in entry.key


@pytest.mark.parametrize(
    "key", ["", "1-0", "1-0@stream", "x-0@stream@one", "1@stream@one", "1-0@s@one@two", "1-0@@one"]
)
def test_what_is_no_key_names_nothing(key: str) -> None:
    assert Held.of(key) is None
