"""``manage.py entity``."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run


def test_it_tells_the_state_and_the_newest_events(bus: Bus) -> None:
    bus.publish(trade("10.00", user_id=7), trade("5.00", user_id=7))

    ran = run("entity", "trading", "7")

    assert ran.status == 0
    assert "2 events folded" in ran.out
    assert "Trading.TradeExecuted" in ran.out


def test_as_json_it_has_states_and_envelopes_as_of_an_instant(bus: Bus) -> None:
    first, second = trade("10.00", user_id=7), trade("5.00", user_id=7)
    bus.publish(first, second)
    before = (first.occurred_at - timedelta(hours=1)).isoformat()

    now = run("entity", "trading", "7", "--json").json
    then = run("entity", "trading", "7", "--json", "--at", before).json

    assert now["states"]["user"]["volume"] == {"STRK USD": "15.00"}
    assert [event["event_id"] for event in now["newest"]] == [
        str(second.event_id),
        str(first.event_id),
    ]
    assert (then["states"], then["folded"]) == ({}, 0)


def test_a_domain_may_be_written_as_in_type_names(bus: Bus) -> None:
    bus.publish(trade(user_id=7))

    assert run("entity", "Trading", "7").out == run("entity", "trading", "7").out
    assert run("entity", "NFT", "7").out == "Nothing is stored about 7 in NFT."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trading", "404"], "Nothing is stored about 404 in trading."),
        (["Tradin", "7"], "Nothing is stored about 7 in Tradin; domains are auth, challenge, "),
        (["trading", "7", "--at", "noon"], "noon is no time"),
    ],
)
def test_what_cannot_be_told_says_why(db: None, words: list[str], told: str) -> None:
    ran = run("entity", *words)

    assert (ran.status, told in ran.out) == (1, True)
