"""What every transport shows to those who only look, and how leases and presence behave."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from events.envelope import new_event_id
from events.transport.base import (
    Append,
    Failure,
    Handled,
    RetryLater,
    Transport,
    WorkerInfo,
)

STREAM = "astra.trading.tradeexecuted.v1"
FAILURE = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")


def worker(name: str) -> WorkerInfo:
    at = datetime.now(UTC)
    return WorkerInfo(name, "worker", "host", 1, "0.1", at, at, groups=("a",), handled=7)


def test_streams_are_described_with_their_groups(opened: Transport) -> None:
    opened.streams.ensure_group(STREAM, "a")
    opened.streams.append([Append(STREAM, new_event_id(), b"%d" % n) for n in range(3)])
    first, second, _ = opened.streams.read("a", "one", [STREAM], 3, 1)
    opened.streams.settle("a", [Handled(first)])

    info = opened.inspector.streams([STREAM, "astra.nothing.here.v1"])

    assert list(info) == [STREAM]
    assert (info[STREAM].length, info[STREAM].entries_added) == (3, 3)
    (group,) = info[STREAM].groups
    assert (group.name, group.pending, group.entries_read, group.lag) == ("a", 2, 3, 0)
    assert info[STREAM].first_id == first.entry_id
    assert first.entry_id < second.entry_id


def test_the_oldest_undelivered_entry_is_found(opened: Transport) -> None:
    opened.streams.ensure_group(STREAM, "a")
    appended = opened.streams.append([Append(STREAM, new_event_id(), b"%d" % n) for n in range(2)])
    (first,) = opened.streams.read("a", "one", [STREAM], 1, 1)
    position, end = (STREAM, first.entry_id), (STREAM, str(appended[1].entry_id))

    found = opened.inspector.next_undelivered([position, end])

    assert found == {position: appended[1].entry_id, end: None}


def test_waiting_retries_are_counted_and_found_by_event(opened: Transport) -> None:
    event_id = new_event_id()
    opened.streams.ensure_group(STREAM, "a")
    opened.streams.ensure_group(STREAM, "b")
    opened.streams.append([Append(STREAM, event_id, b"1")])
    (delivery,) = opened.streams.read("a", "one", [STREAM], 1, 1)
    due_at = time.time() + 60
    opened.streams.settle("a", [RetryLater(delivery, due_at, (FAILURE,))])

    count = opened.inspector.retries([(STREAM, "a"), (STREAM, "b")])
    states = opened.inspector.retry_states(STREAM, event_id, ["a", "b"])

    assert count[STREAM, "a"].waiting == 1
    assert count[STREAM, "b"].waiting == 0
    assert list(states) == ["a"]
    assert abs(states["a"].due_at.timestamp() - due_at) < 0.01
    assert (states["a"].attempt, states["a"].error) == (2, "TimeoutError: no answer")


def test_a_tail_sees_what_comes_after_its_position_and_takes_nothing(opened: Transport) -> None:
    opened.streams.ensure_group(STREAM, "a")
    opened.streams.append([Append(STREAM, new_event_id(), b"old")])
    positions = opened.inspector.last_ids([STREAM])
    event_id = new_event_id()
    opened.streams.append([Append(STREAM, event_id, b"new")])

    (entry,) = opened.inspector.tail(positions, 10, 1)

    assert (entry.body, entry.event_id) == (b"new", str(event_id))
    assert len(opened.streams.read("a", "one", [STREAM], 10, 1)) == 2


def test_the_last_id_of_a_stream_that_holds_nothing_is_zero(opened: Transport) -> None:
    assert opened.inspector.last_ids([STREAM]) == {STREAM: "0-0"}


def test_the_newest_entries_are_looked_at_from_the_end(opened: Transport) -> None:
    opened.streams.append([Append(STREAM, new_event_id(), b"%d" % n) for n in range(5)])

    found = opened.inspector.newest(STREAM, 3)

    assert [entry.body for entry in found] == [b"4", b"3", b"2"]
    assert found[0].entry_id == opened.inspector.last_ids([STREAM])[STREAM]
    assert {entry.stream for entry in found} == {STREAM}
    assert opened.inspector.newest("astra.nothing.here.v1", 3) == []


def test_what_a_stream_takes_grows_with_it_and_is_unknown_where_it_is_not(
    opened: Transport,
) -> None:
    opened.streams.ensure_group(STREAM, "a")
    empty = opened.inspector.memory_bytes([STREAM])[STREAM]
    opened.streams.append([Append(STREAM, new_event_id(), b"x" * 10_000) for _ in range(20)])

    found = opened.inspector.memory_bytes(["astra.nothing.here.v1", STREAM])

    assert list(found) == [STREAM]
    assert found[STREAM] > empty + 100_000
    assert opened.inspector.memory_bytes([]) == {}


def test_the_server_names_itself(opened: Transport) -> None:
    server = opened.inspector.server()

    assert server.name.lower() == {"memory": "memory"}.get(opened.name, server.name.lower())
    assert server.policy == "noeviction"


def test_a_lease_belongs_to_one_until_it_is_dropped(opened: Transport) -> None:
    assert opened.leases.acquire("relay", "me", 10) is True
    assert opened.leases.acquire("relay", "me", 10) is True
    assert opened.leases.acquire("relay", "you", 10) is False
    opened.leases.drop("relay", "you")
    assert opened.leases.acquire("relay", "you", 10) is False
    opened.leases.drop("relay", "me")
    assert opened.leases.acquire("relay", "you", 10) is True


def test_a_lease_that_is_not_renewed_runs_out(opened: Transport) -> None:
    opened.leases.acquire("relay", "me", 0.01)

    until = time.monotonic() + 5
    while not opened.leases.acquire("relay", "you", 10):
        assert time.monotonic() < until


def test_who_beats_is_alive_and_who_leaves_is_not(opened: Transport) -> None:
    opened.presence.beat(worker("host:1:a"), 30)
    opened.presence.beat(worker("host:2:b"), 30)
    opened.presence.leave("host:1:a")

    (alive,) = opened.inspector.workers()

    assert (alive.name, alive.groups, alive.handled) == ("host:2:b", ("a",), 7)
