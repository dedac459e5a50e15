"""What every transport must do to move a group, to put it back and to take it away."""

from __future__ import annotations

import pytest

from events.transport.base import RELEASED, GroupMissing, Handled, Redelivery, Transport
from events.transport.moving import Standing
from tests.contract.test_streams import STREAM, put, take


@pytest.fixture
def bus(opened: Transport) -> Transport:
    opened.streams.ensure_group(STREAM, "a")
    opened.streams.ensure_group(STREAM, "b")
    return opened


def holders(bus: Transport) -> dict[str, int]:
    found = bus.inspector.consumers([(STREAM, "a")])
    return {one.name: one.pending for one in found if one.pending}


def test_what_lies_between_two_entries_is_counted_up_to_a_bound(bus: Transport) -> None:
    ids = [str(event_id) for event_id in put(bus, b"1", b"2", b"3", b"4")]
    entries = [delivery.entry_id for delivery in take(bus)]

    assert bus.moving.between(STREAM, "0-0", entries[-1], 100) == ids
    assert bus.moving.between(STREAM, entries[0], entries[2], 100) == ids[1:3]
    assert bus.moving.between(STREAM, "0-0", entries[-1], 3) == ids[:3]
    assert bus.moving.between(STREAM, entries[-1], entries[-1], 100) == []
    assert bus.moving.between("astra.none.v1", "0-0", entries[-1], 100) == []


def test_more_than_one_call_carries_is_counted(bus: Transport) -> None:
    ids = [str(event_id) for event_id in put(bus, *[b"x"] * 2_500)]
    last = bus.inspector.last_ids([STREAM])[STREAM]

    assert bus.moving.between(STREAM, "0-0", last, 10_000) == ids
    assert len(bus.moving.between(STREAM, "0-0", last, 2_001)) == 2_001


def test_a_group_stands_where_it_has_read_and_not_acknowledged(bus: Transport) -> None:
    put(bus, b"1", b"2", b"3")
    first, second, third = take(bus)
    bus.streams.settle("a", [Handled(second)])

    assert bus.moving.standing(STREAM, "a", 10) == Standing(
        third.entry_id, ((first.entry_id, 1), (third.entry_id, 1))
    )
    assert bus.moving.standing(STREAM, "a", 1).pending == ((first.entry_id, 1),)
    assert bus.moving.standing(STREAM, "b", 10) == Standing("0-0", ())


def test_a_group_is_put_back_exactly_where_it_stood(bus: Transport) -> None:
    put(bus, b"1", b"2", b"3", b"4")
    first, second, third = take(bus, count=3)
    bus.streams.settle("a", [Handled(second)])
    before = bus.moving.standing(STREAM, "a", 10)
    bus.streams.move(STREAM, "a", "beginning")
    again = take(bus, consumer="two")
    assert len(again) == 4
    bus.streams.settle("a", [Handled(one) for one in again[:3]])

    assert bus.moving.restore(STREAM, "a", before) == 0

    assert bus.moving.standing(STREAM, "a", 10) == before
    assert holders(bus) == {RELEASED: 2}
    assert [one.body for one in take(bus, consumer="three")] == [b"4"]
    swept = bus.streams.reclaim(STREAM, "a", "three", 30.0)
    assert [(one.entry_id, one.starts) for one in swept] == [
        (first.entry_id, 1),
        (third.entry_id, 1),
    ]
    assert bus.moving.standing(STREAM, "b", 10) == Standing("0-0", ())


def test_what_is_gone_from_the_stream_is_told_and_not_pending(bus: Transport) -> None:
    put(bus, b"1", b"2")
    delivered = take(bus)
    before = bus.moving.standing(STREAM, "a", 10)
    bus.streams.settle("a", [Handled(one) for one in delivered])
    bus.streams.settle("b", [Handled(one) for one in take(bus, "b")])
    put(bus, b"3")
    assert bus.streams.trim(STREAM, 2**62, exact=True) == 1  # all but the last that was read

    assert bus.moving.restore(STREAM, "a", before) == 1

    kept = bus.moving.standing(STREAM, "a", 10)
    assert kept == Standing(before.position, before.pending[1:])


def test_a_group_taken_away_is_gone_with_its_retries_and_no_other(bus: Transport) -> None:
    (event_id,) = put(bus, b"1")
    take(bus)
    bus.streams.redeliver("a", [Redelivery(STREAM, str(event_id), b"again")])

    assert bus.moving.detach(STREAM, "a") is True
    assert bus.moving.detach(STREAM, "a") is False

    (found,) = bus.inspector.streams([STREAM]).values()
    assert [group.name for group in found.groups] == ["b"]
    assert bus.inspector.retries([(STREAM, "a")])[STREAM, "a"].waiting == 0
    assert [one.body for one in take(bus, "b")] == [b"1"]
    bus.streams.ensure_group(STREAM, "a")
    assert [one.body for one in take(bus)] == [b"1"]


def test_a_group_that_is_not_there_has_no_standing(opened: Transport) -> None:
    opened.streams.ensure_group(STREAM, "b")
    for stream in (STREAM, "astra.none.v1"):
        with pytest.raises(GroupMissing):
            opened.moving.standing(stream, "a", 10)
        with pytest.raises(GroupMissing):
            opened.moving.restore(stream, "a", Standing("0-0", ()))
        assert opened.moving.detach(stream, "a") is False


def test_a_group_that_was_told_how_far_it_is_has_a_lag(bus: Transport) -> None:
    put(bus, b"1", b"2", b"3", b"4")
    first, *_ = take(bus)

    def lag() -> int | None:
        (found,) = bus.inspector.streams([STREAM]).values()
        return next(group.lag for group in found.groups if group.name == "a")

    bus.streams.move(STREAM, "a", first.entry_id, 1)
    assert lag() == 3
    bus.moving.restore(STREAM, "a", Standing("0-0", ()), 0)
    assert lag() == 4
