"""The newest stored events that somebody wants to see."""

from __future__ import annotations

import pytest

from events.queries import newest as queries
from events.queries.lines import Line
from events.queries.newest import Where, newest
from tests.bus_fixture import Bus
from tests.events.queries.test_tail import sign_up, trade


def everything(line: Line) -> bool:
    return True


def test_the_newest_come_from_the_store_newest_first(bus: Bus) -> None:
    bus.publish(trade("1.00"), sign_up(), trade("2.00"))

    both = newest(Where(), everything, 2)
    trades = newest(Where(types=["Trading.TradeExecuted"]), everything, 9)
    small = newest(Where(), lambda line: line.payload.get("value") == "1.00", 9)

    assert [line.event_type for line in both] == ["Trading.TradeExecuted", "User.UserRegistered"]
    assert [line.payload["value"] for line in trades] == ["2.00", "1.00"]
    assert [line.payload["value"] for line in small] == ["1.00"]


def test_the_newest_of_an_entity_or_a_chain_are_found_however_old(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "NEWEST_LOOKED_AT", 2)
    old = trade(user_id=77)
    bus.publish(old, *(trade() for _ in range(5)))

    by_entity = newest(Where(entity_ids=["77"]), everything, 2)
    by_chain = newest(Where(correlation_ids=[str(old.correlation_id), "none"]), everything, 2)

    assert [line.event_id for line in by_entity] == [str(old.event_id)]
    assert by_chain == by_entity


def test_a_line_leaves_out_what_stands_beside_it(bus: Bus) -> None:
    bus.publish(trade("1.00", user_id=5))

    (line,) = newest(Where(), everything, 1)

    assert "user_id" not in line.rest
    assert line.rest["value"] == "1.00"
