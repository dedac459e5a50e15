"""What every transport must do with entries, groups and retries."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.envelope import new_event_id
from events.transport.base import (
    Append,
    Delivery,
    Failure,
    GroupMissing,
    Handled,
    Redelivery,
    RetryLater,
    Transport,
)
from tests.waiting import eventually

OpenedWith = Callable[..., Transport]

STREAM = "astra.trading.tradeexecuted.v1"
OTHER = "astra.trading.orderplaced.v1"
FAILURE = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")


def put(bus: Transport, *bodies: bytes, stream: str = STREAM) -> list[UUID]:
    batch = [Append(stream, new_event_id(), body) for body in bodies]
    bus.streams.append(batch)
    return [item.event_id for item in batch]


def take(
    bus: Transport, group: str = "a", consumer: str = "one", count: int = 10
) -> list[Delivery]:
    return bus.streams.read(group, consumer, [STREAM], count, 0)


def parts(entry_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in entry_id.split("-"))


@pytest.fixture
def bus(opened: Transport) -> Transport:
    opened.streams.ensure_group(STREAM, "a")
    opened.streams.ensure_group(STREAM, "b")
    return opened


def test_each_group_gets_every_event_once_in_order(bus: Transport) -> None:
    ids = put(bus, b"1", b"2", b"3")

    assert [d.body for d in take(bus, "a")] == [b"1", b"2", b"3"]
    assert [d.event_id for d in take(bus, "b")] == [str(event_id) for event_id in ids]
    assert take(bus, "a") == []


def test_two_consumers_of_a_group_share_the_entries(bus: Transport) -> None:
    put(bus, b"1", b"2")

    first, second = take(bus, consumer="one", count=1), take(bus, consumer="two", count=1)

    assert [d.body for d in first + second] == [b"1", b"2"]


def test_an_id_seen_before_is_not_appended_again(bus: Transport) -> None:
    item = Append(STREAM, new_event_id(), b"1")

    first, again = bus.streams.append([item]), bus.streams.append([item])

    assert first[0].entry_id is not None
    assert (again[0].entry_id, again[0].duplicate) == (first[0].entry_id, True)
    assert len(take(bus)) == 1


def test_nothing_appended_is_nothing(bus: Transport) -> None:
    assert bus.streams.append([]) == []


def test_an_id_twice_in_one_batch_is_appended_once(bus: Transport) -> None:
    item = Append(STREAM, new_event_id(), b"1")

    appended = bus.streams.append([item, item])

    assert len(appended) == 2
    assert len(take(bus)) == 1


def test_the_window_of_seen_ids_is_bounded(bus: Transport) -> None:
    item = Append(STREAM, new_event_id(), b"first")
    bus.streams.append([item])
    put(bus, *(b"%d" % number for number in range(6)))

    (again,) = bus.streams.append([item])

    assert not again.duplicate


def test_an_id_is_remembered_for_as_long_as_the_settings_say(opened_with: OpenedWith) -> None:
    bus = opened_with(seen_window_s=1)
    item = Append(STREAM, new_event_id(), b"first")
    bus.streams.append([item])

    eventually(lambda: not bus.streams.append([item])[0].duplicate, what="the id is forgotten")


def test_a_batch_appended_again_is_told_where_its_entries_stand(opened_with: OpenedWith) -> None:
    """Several times, and large: the clock goes on while a batch is appended."""
    bus = opened_with()
    for _ in range(20):
        batch = [Append(STREAM, new_event_id(), b"x" * 2_000) for _ in range(200)]
        first = bus.streams.append(batch)
        again = bus.streams.append(batch)

        assert [one.entry_id for one in again] == [one.entry_id for one in first]
        assert all(one.duplicate for one in again)


def test_more_than_one_call_carries_stands_there_once_and_in_order(
    opened_with: OpenedWith,
) -> None:
    bus = opened_with(append_batch=200, seen_limit=100_000)
    bus.streams.ensure_group(STREAM, "a")
    batch = [Append(STREAM, new_event_id(), b"%d" % number) for number in range(450)]

    appended = bus.streams.append([*batch, batch[0]])

    assert [item.event_id for item in appended] == [item.event_id for item in [*batch, batch[0]]]
    assert [item.duplicate for item in appended] == [False] * 450 + [True]
    assert [d.body for d in take(bus, count=1_000)] == [item.body for item in batch]


def test_a_batch_over_several_streams_keeps_the_order_of_each(bus: Transport) -> None:
    bus.streams.ensure_group(OTHER, "a")
    batch = [
        Append(stream, new_event_id(), b"%d" % number)
        for number, stream in enumerate([STREAM, OTHER, STREAM, OTHER])
    ]

    appended = bus.streams.append(batch)
    found = bus.streams.read("a", "one", [STREAM, OTHER], 10, 1)

    assert [item.event_id for item in appended] == [item.event_id for item in batch]
    assert [d.body for d in found if d.stream == STREAM] == [b"0", b"2"]
    assert [d.body for d in found if d.stream == OTHER] == [b"1", b"3"]


def test_setting_a_group_up_again_changes_nothing(bus: Transport) -> None:
    put(bus, b"1")
    take(bus)

    assert bus.streams.ensure_group(STREAM, "a") is False
    assert take(bus) == []


def test_a_group_new_to_an_old_stream_begins_where_it_declares(bus: Transport) -> None:
    put(bus, b"old")
    bus.streams.ensure_group(STREAM, "from-beginning", "beginning")
    bus.streams.ensure_group(STREAM, "from-now", "now")
    put(bus, b"new")

    assert [d.body for d in take(bus, "from-beginning")] == [b"old", b"new"]
    assert [d.body for d in take(bus, "from-now")] == [b"new"]


def test_reading_without_the_group_says_that_it_is_missing(opened: Transport) -> None:
    with pytest.raises(GroupMissing):
        take(opened, "nobody")


def test_an_entry_is_settled_by_the_first_who_settles_it(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus)

    assert bus.streams.settle("a", [Handled(delivery)]) == [True]
    assert bus.streams.settle("a", [Handled(delivery)]) == [False]


def test_settling_where_the_group_is_gone_is_settled_by_nobody(bus: Transport) -> None:
    put(bus, b"1", b"2")
    first, second = take(bus)
    elsewhere = [replace(one, stream=OTHER) for one in (first, second)]

    told = bus.streams.settle(
        "a", [Handled(elsewhere[0]), RetryLater(elsewhere[1], time.time(), (FAILURE,))]
    )

    assert told == [False, False]
    assert bus.inspector.retries([(OTHER, "a")])[OTHER, "a"].waiting == 0


def test_a_retry_waits_until_it_is_due_and_comes_to_its_group_alone(bus: Transport) -> None:
    (event_id,) = put(bus, b"1")
    (delivery,) = take(bus)
    take(bus, "b")
    bus.streams.settle("a", [RetryLater(delivery, time.time() + 60, (FAILURE,))])

    assert bus.streams.promote(STREAM, "a", time.time()) == 0
    assert bus.streams.promote(STREAM, "a", time.time() + 61) == 1
    (again,) = take(bus)

    assert (again.body, again.event_id, again.attempt) == (b"1", str(event_id), 2)
    assert (again.stream, again.retry, again.failures) == (STREAM, True, (FAILURE,))
    assert take(bus, "b") == []


def test_a_retry_that_was_woken_leaves_nothing_behind(bus: Transport) -> None:
    (event_id,) = put(bus, b"1")
    (delivery,) = take(bus)
    bus.streams.settle("a", [RetryLater(delivery, time.time(), (FAILURE,))])
    bus.streams.promote(STREAM, "a", time.time() + 1)
    bus.streams.settle("a", [Handled(one) for one in take(bus)])

    assert bus.streams.promote(STREAM, "a", time.time() + 1) == 0
    assert bus.inspector.retry_states(STREAM, event_id, ["a"]) == {}


def test_settling_late_schedules_no_second_retry(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus)
    bus.streams.settle("a", [Handled(delivery)])

    settled = bus.streams.settle("a", [RetryLater(delivery, 0, (FAILURE,))])

    assert settled == [False]
    assert bus.streams.promote(STREAM, "a", time.time()) == 0


def test_a_handled_retry_is_gone(bus: Transport) -> None:
    put(bus, b"1")
    bus.streams.settle("a", [RetryLater(take(bus)[0], 0, (FAILURE,))])
    bus.streams.promote(STREAM, "a", time.time())
    (again,) = take(bus)

    assert bus.streams.settle("a", [Handled(again)]) == [True]
    waiting = bus.inspector.retries([(STREAM, "a")])[STREAM, "a"]
    assert (waiting.waiting, waiting.pending) == (0, 0)


def test_a_redelivery_reaches_the_one_group_with_its_bytes_unchanged(bus: Transport) -> None:
    bus.streams.redeliver("a", [Redelivery(STREAM, "some-id", b"\x00\xff{")])

    (delivery,) = take(bus)

    assert (delivery.event_id, delivery.body) == ("some-id", b"\x00\xff{")
    assert (delivery.redelivered, delivery.attempt) == (True, 1)
    assert take(bus, "b") == []


def test_a_redelivery_waits_for_a_group_that_is_not_set_up(opened: Transport) -> None:
    opened.streams.redeliver("a", [Redelivery(STREAM, "some-id", b"1")])

    with pytest.raises(GroupMissing):
        take(opened)
    opened.streams.ensure_group(STREAM, "a")
    assert [d.event_id for d in take(opened)] == ["some-id"]


def test_idle_entries_are_taken_over_without_counting_a_start(bus: Transport) -> None:
    put(bus, b"1", b"2")
    take(bus, consumer="dead")

    claimed = bus.streams.reclaim(STREAM, "a", "alive", 0.0)

    assert [(d.body, d.starts) for d in claimed] == [(b"1", 1), (b"2", 1)]


def test_entries_that_are_not_idle_stay_with_their_consumer(bus: Transport) -> None:
    put(bus, b"1")
    take(bus, consumer="busy")

    assert bus.streams.reclaim(STREAM, "a", "alive", 60.0) == []


def test_a_sweep_goes_on_where_the_last_one_stopped(bus: Transport) -> None:
    put(bus, *(b"%d" % number for number in range(6)))
    take(bus, consumer="dead")

    rounds = [bus.streams.reclaim(STREAM, "a", "alive", 0.0, count=2) for _ in range(3)]

    if bus.name != "memory":  # the memory bus has no cursor to keep
        assert [d.body for found in rounds for d in found] == [b"%d" % n for n in range(6)]
    assert all(len(found) == 2 for found in rounds)


def test_beginning_a_reclaimed_entry_counts_one_start(bus: Transport) -> None:
    put(bus, b"1")
    take(bus, consumer="dead")
    (claimed,) = bus.streams.reclaim(STREAM, "a", "alive", 0.0)

    begun = bus.streams.begin("a", "alive", claimed)
    again = bus.streams.begin("a", "alive", claimed)

    assert begun == replace(claimed, starts=2)
    assert again == replace(claimed, starts=3)


def test_nobody_begins_an_entry_that_another_has(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="one")

    assert bus.streams.begin("a", "two", delivery) is None


def test_renewing_keeps_an_entry_young_for_its_owner_only(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="one")
    if bus.name != "memory":
        bus.streams.renew("a", "one", [delivery])
    bus.streams.renew("a", "two", [delivery])

    assert bus.streams.begin("a", "one", delivery) is not None
    assert bus.streams.begin("a", "two", delivery) is None


@pytest.mark.parametrize(("renewed_by", "taken"), [("one", 0), ("two", 1), (None, 1)])
def test_a_lease_is_renewed_by_its_owner(
    bus: Transport, renewed_by: str | None, taken: int
) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="one")
    lease_ends = time.monotonic() + 0.3
    eventually(lambda: time.monotonic() > lease_ends, what="the lease is over")
    if renewed_by:
        bus.streams.renew("a", renewed_by, [delivery])

    assert len(bus.streams.reclaim(STREAM, "a", "two", 0.3)) == taken


def test_nobody_hands_back_what_another_holds(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="one")

    bus.streams.release("a", "two", [delivery])

    assert bus.streams.reclaim(STREAM, "a", "two", 60.0) == []


def test_what_is_handed_back_is_taken_at_once_and_counts_no_start(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="leaving")

    bus.streams.release("a", "leaving", [delivery])
    (claimed,) = bus.streams.reclaim(STREAM, "a", "staying", 60.0)

    assert (claimed.body, claimed.starts) == (b"1", 0)
    assert bus.streams.remove_consumer(STREAM, "a", "leaving") is True


def test_retries_are_reclaimed_as_well(bus: Transport) -> None:
    bus.streams.redeliver("a", [Redelivery(STREAM, "some-id", b"1")])
    take(bus, consumer="dead")

    (claimed,) = bus.streams.reclaim(STREAM, "a", "alive", 0.0)

    assert (claimed.retry, claimed.redelivered, claimed.stream) == (True, True, STREAM)


def test_a_consumer_that_holds_entries_is_not_removed(bus: Transport) -> None:
    put(bus, b"1")
    (delivery,) = take(bus, consumer="one")

    assert bus.streams.remove_consumer(STREAM, "a", "one") is False
    bus.streams.settle("a", [Handled(delivery)])
    assert bus.streams.remove_consumer(STREAM, "a", "one") is True


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_a_group_is_moved_and_the_others_are_not(bus: Transport, back_to: int) -> None:
    put(bus, b"first", b"second", b"third")
    delivered = take(bus)
    bus.streams.settle("a", [Handled(one) for one in delivered[:2]])
    take(bus, "b")
    position = "beginning" if back_to == 0 else delivered[back_to - 1].entry_id

    bus.streams.move(STREAM, "a", position)

    assert [one.body for one in take(bus, consumer="two")] == [b"first", b"second", b"third"][
        back_to:
    ]
    assert take(bus, "b") == []


def test_a_group_moved_to_the_end_gets_only_what_comes_and_keeps_what_it_holds(
    bus: Transport,
) -> None:
    put(bus, b"held", b"waiting")
    (held,) = take(bus, count=1)

    bus.streams.move(STREAM, "a", "end")
    put(bus, b"new")

    assert [one.body for one in take(bus)] == [b"new"]
    assert bus.streams.settle("a", [Handled(held)]) == [True]


def test_a_group_that_is_missing_is_not_moved(opened: Transport) -> None:
    with pytest.raises(GroupMissing):
        opened.streams.move(STREAM, "a", "beginning")


def test_trimming_keeps_what_some_group_has_not_finished(bus: Transport) -> None:
    put(bus, *(b"%d" % number for number in range(500)))
    handled = take(bus, "a", count=500)
    bus.streams.settle("a", [Handled(delivery) for delivery in handled])
    pending = take(bus, "b", count=400)
    bus.streams.settle("b", [Handled(delivery) for delivery in pending[:300]])

    gone = bus.streams.trim(STREAM, int((time.time() + 1) * 1_000))
    left = bus.inspector.streams([STREAM])[STREAM]

    assert 0 < gone <= 300
    assert left.length == 500 - gone
    assert parts(left.first_id) <= parts(pending[300].entry_id)


def test_trimming_keeps_what_is_young(bus: Transport) -> None:
    put(bus, *(b"%d" % number for number in range(300)))
    for group in ("a", "b"):
        bus.streams.settle(group, [Handled(d) for d in take(bus, group, count=300)])

    assert bus.streams.trim(STREAM, int((time.time() - 60) * 1_000)) == 0


def test_a_stream_nobody_reads_is_never_trimmed(opened: Transport) -> None:
    put(opened, b"1", stream=OTHER)

    assert opened.streams.trim(OTHER, int((time.time() + 60) * 1_000)) == 0


def test_trimming_a_stream_that_is_not_there_drops_nothing(opened: Transport) -> None:
    assert opened.streams.trim("astra.nothing.here.v1", 10**15) == 0
