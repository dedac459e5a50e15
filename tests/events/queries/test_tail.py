"""The tail over the memory bus: what is followed, what a range holds, what is newest."""

from __future__ import annotations

from typing import Any

import pytest

from events.conf import bus_settings
from events.envelope import Event
from events.queries import tail
from events.queries.lines import Line
from events.queries.tail import Follower, Seen
from events.transport.base import Append
from events.transport.memory import open_transport
from tests.bus_fixture import Bus

TRADES = "astra.trading.tradeexecuted.v1"
SIGN_UPS = "astra.user.userregistered.v1"


def trade(value: str = "1500.00", user_id: int = 123, **envelope: Any) -> Event:
    data = {"user_id": user_id, "symbol": "STRK", "value": value}
    return Event.new("Trading.TradeExecuted", data, **envelope)


def sign_up(email: str = "ada@example.org") -> Event:
    data = {"user_id": 7, "username": "ada", "email": email}
    return Event.new("User.UserRegistered", data)


def following(bus: Bus) -> Follower:
    follower = Follower(bus.transport.inspector)
    follower.start()
    return follower


def everything(seen: Seen | Line) -> bool:
    return True


def test_a_follower_brings_what_comes_after_it_began(bus: Bus) -> None:
    bus.publish(trade())
    follower = following(bus)
    bus.publish(trade("1.00"), sign_up())

    batch = follower.read(block_ms=1)

    assert [seen.line.event_type for seen in batch.entries] == [
        "Trading.TradeExecuted",
        "User.UserRegistered",
    ]
    assert follower.read(block_ms=1).entries == ()


def test_a_stream_that_did_not_exist_is_followed_from_its_beginning() -> None:
    empty = open_transport(bus_settings())
    follower = Follower(empty.inspector)
    follower.start()
    event = trade()

    empty.streams.append([Append(TRADES, event.event_id, event.to_json())])

    assert len(follower.read(block_ms=1).entries) == 1


def test_following_holds_nothing_back_from_a_group(bus: Bus) -> None:
    follower = following(bus)
    bus.publish(trade())
    before = bus.transport.inspector.streams([TRADES])[TRADES]

    follower.read(block_ms=1)

    assert bus.transport.inspector.streams([TRADES])[TRADES] == before


def test_personal_fields_come_masked(bus: Bus) -> None:
    follower = following(bus)
    bus.publish(sign_up("ada@example.org"))

    (seen,) = follower.read(block_ms=1).entries

    assert "ada@example.org" not in str(seen.line)
    assert seen.line.payload["username"] == "ada"


def test_a_line_says_whose_event_it_is(bus: Bus) -> None:
    follower = following(bus)
    event = trade()
    bus.publish(event)

    (seen,) = follower.read(block_ms=1).entries

    assert seen.line.event_id == str(event.event_id)
    assert (seen.line.entity_label, seen.line.entity_id) == ("user", "123")
    assert seen.line.at_ms == seen.place[0]


def test_bytes_that_are_no_event_are_a_line_that_says_so(bus: Bus) -> None:
    follower = following(bus)
    bus.transport.streams.append([Append(TRADES, trade().event_id, b"<not json>")])

    (seen,) = follower.read(block_ms=1).entries

    assert seen.line.problem == "not an event of ours: 10 bytes that cannot be read"
    assert seen.line.event_type == "Trading.TradeExecuted"


def test_a_follower_that_falls_behind_jumps_and_counts_what_it_missed(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "READ_COUNT", 2)
    monkeypatch.setattr(tail, "FULL_READS", 3)
    follower = following(bus)
    bus.publish(*(trade() for _ in range(20)), sign_up())

    batches = [follower.read(block_ms=1) for _ in range(4)]

    shown = sum(seen.stream == TRADES for batch in batches for seen in batch.entries)
    assert [dict(batch.missed) for batch in batches] == [{}, {}, {TRADES: 14}, {}]
    assert shown == 6


def test_a_range_is_in_order_across_streams_and_bounded(bus: Bus) -> None:
    bus.publish(trade("1.00"), sign_up(), trade("2.00"))

    whole = tail.between([TRADES, SIGN_UPS], 0, None, everything, 10, bus.transport.inspector)
    part = tail.between([TRADES, SIGN_UPS], 0, None, everything, 2, bus.transport.inspector)

    assert whole.complete
    assert sorted(whole.lines, key=lambda line: line.at) == list(whole.lines)
    assert len(whole.lines) == 3
    assert not part.complete
    assert part.lines == whole.lines[:2]


def test_a_range_ends_where_it_is_told_to(bus: Bus) -> None:
    bus.publish(trade("1.00"))
    end_ms = tail.now_ms()
    bus.clock.advance(60)
    bus.publish(trade("2.00"))

    found = tail.between([TRADES], 0, end_ms, everything, 10, bus.transport.inspector)

    assert found.complete
    assert [line.payload["value"] for line in found.lines] == ["1.00"]


def test_a_long_range_is_read_in_chunks_without_losing_the_order(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "RANGE_COUNT", 2)
    for _ in range(5):
        bus.publish(trade(), sign_up())
        bus.clock.advance(1)

    found = tail.between([TRADES, SIGN_UPS], 0, tail.now_ms() + 60_000, everything, 99)

    assert found.complete
    assert len(found.lines) == 10
    assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)


def test_a_range_gives_up_after_looking_at_so_many(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "RANGE_LOOKED_AT", 3)
    bus.publish(*(trade() for _ in range(5)))

    found = tail.between([TRADES], 0, None, lambda seen: False, 10, bus.transport.inspector)

    assert not found.complete
    assert found.lines == ()
