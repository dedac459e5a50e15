"""One stream: its groups, its newest entries, what it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events import Event
from events.envelope import new_event_id
from events.errors import BusUnavailable
from events.queries import streams as query
from events.queries.snapshot import entry_time, take
from events.queries.streams import GroupPlace, StreamView
from events.transport.base import Append
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import no_bus

STREAM, GROUP = "astra.trading.tradeexecuted.v1", "revenue_trackers"


def loaded(name: str = STREAM) -> StreamView:
    found = query.load(name, take())
    assert found is not None
    return found


def place_of(group: str) -> GroupPlace:
    return next(place for place in loaded().places if place.group == group)


def test_a_stream_tells_its_type_version_and_how_much_lies_on_it(bus: Bus) -> None:
    bus.publish(trade(), trade())

    found = loaded()

    assert (found.type_label, found.state.event_type) == (
        "Trading.TradeExecuted.v1",
        "Trading.TradeExecuted",
    )
    assert (found.state.domain, found.state.version, found.state.length) == ("trading", 1, 2)
    assert found.description


def test_each_version_of_a_type_has_a_stream_of_its_own(bus: Bus) -> None:
    versions = [loaded(f"astra.financial.paymentcompleted.v{n}").state.version for n in (1, 2)]

    assert versions == [1, 2]


def test_groups_tell_what_waits_since_when_and_what_they_hold(bus: Bus) -> None:
    bus.publish(trade(), trade(), trade())
    first, second, _ = (entry.entry_id for entry in reversed(query.newest(STREAM)))
    bus.transport.streams.read(GROUP, "one", [STREAM], 1, 1)

    place = place_of(GROUP)

    assert (place.lag, place.pending, place.domain) == (2, 1, "financial")
    assert place.delivered_at == entry_time(first)
    assert place.oldest_waiting_at == entry_time(second)
    assert not place.missing


def test_groups_that_are_behind_come_first(bus: Bus) -> None:
    bus.publish(trade(), trade())
    for group in (group for group in bus.groups if STREAM in group.streams):
        if group.name not in (GROUP, "trading_internal"):
            bus.transport.streams.read(group.name, "one", [STREAM], 2, 1)
    bus.transport.streams.read("trading_internal", "one", [STREAM], 1, 1)

    names = [place.group for place in loaded().places]

    assert names[:2] == [GROUP, "trading_internal"]
    assert names[2:] == sorted(names[2:])


def test_a_declared_group_that_is_not_on_the_stream_and_one_nobody_declares_are_told(
    bus: Bus,
) -> None:
    del bus.memory._streams[STREAM].groups[GROUP]
    bus.transport.streams.ensure_group(STREAM, "of_another_app")

    gone, foreign = place_of(GROUP), place_of("of_another_app")

    assert (gone.missing, gone.lag) == (True, None)
    assert (foreign.missing, foreign.domain) == (False, "")
    assert loaded().places[0] == gone


def test_without_the_bus_the_declared_groups_remain(bus: Bus) -> None:
    with no_bus(bus):
        found = loaded()

    assert GROUP in {place.group for place in found.places}
    assert not any(place.missing for place in found.places)
    assert {place.lag for place in found.places} == {None}


@pytest.mark.parametrize("name", ["astra.no.such.v1", "", "Trading.TradeExecuted"])
def test_a_stream_that_no_type_has_is_none(bus: Bus, name: str) -> None:
    assert query.load(name, take()) is None


def test_the_newest_entries_come_newest_first_and_no_more_than_asked_for(bus: Bus) -> None:
    events = [trade(f"{n}.00") for n in range(1, 5)]
    bus.publish(*events)

    found = query.newest(STREAM, 3)

    assert [entry.line.event_id for entry in found] == [str(e.event_id) for e in events[:0:-1]]
    assert found[0].says == "value 4.00"
    assert found[0].line.at == entry_time(found[0].entry_id)


def test_what_is_personal_is_masked_in_the_newest_entries(bus: Bus) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    bus.publish(Event.new("User.UserRegistered", data))

    (entry,) = query.newest("astra.user.userregistered.v1")

    assert entry.line.payload["email"] == "•••• masked"
    assert "ada@example.org" not in entry.says


def test_an_entry_that_is_no_event_says_so_and_where_it_lies(bus: Bus) -> None:
    bus.transport.streams.append([Append(STREAM, new_event_id(), b"\xff")])

    (entry,) = query.newest(STREAM)

    assert entry.line.problem.startswith("not an event of ours")
    assert (entry.line.stream, entry.says) == (STREAM, "")


def test_what_streams_take_is_asked_for_many_at_once(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.publish(trade())
    asked = []
    real = bus.memory.memory_bytes
    monkeypatch.setattr(bus.memory, "memory_bytes", lambda n: asked.append(n) or real(n))

    found = query.memory_bytes([STREAM, "astra.nft.nftminted.v1", "astra.no.such.v1"])

    assert found[STREAM] > found["astra.nft.nftminted.v1"] > 0
    assert "astra.no.such.v1" not in found
    assert len(asked) == 1


def test_a_bus_that_is_away_is_told_by_its_own_error(bus: Bus) -> None:
    with no_bus(bus):
        with pytest.raises(BusUnavailable):
            query.newest(STREAM)
        with pytest.raises(BusUnavailable):
            query.memory_bytes([STREAM])


def test_where_a_group_waits_is_part_of_the_snapshot(bus: Bus) -> None:
    """No command of its own: the page of a stream must not ask once more for each group."""
    bus.publish(trade())
    snapshot = take()

    with no_bus(bus):
        found = query.load(STREAM, snapshot)

    assert found is not None
    assert found.places[0].oldest_waiting_at is not None
    blind = query.load(STREAM, replace(snapshot, undelivered={}))
    assert blind is not None
    assert blind.places[0].oldest_waiting_at is None
