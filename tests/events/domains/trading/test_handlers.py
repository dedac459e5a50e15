"""What trading makes of trades, orders and positions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import Event
from events.domains.trading.models import (
    BattleTrader,
    ClanBattle,
    Order,
    Position,
    RiskProfile,
    SymbolVolume,
    TradingReward,
)
from events.envelope import now
from tests.bus_fixture import Bus

MORNING = datetime(2026, 1, 15, 9, tzinfo=UTC)


def trade(value: str, *, at: datetime | None = None, **fields: Any) -> Event:
    data = {"user_id": 7, "symbol": "STRK", "value": value, **fields}
    return Event.new("Trading.TradeExecuted", data, occurred_at=at)


def position(action: str, quantity: str, price: str, *, minute: int = 0, **fields: Any) -> Event:
    data = {
        "position_id": "p-1",
        "user_id": 7,
        "symbol": "STRK",
        "side": "long",
        "quantity": quantity,
        "price": price,
        **fields,
    }
    at = MORNING + timedelta(minutes=minute)
    return Event.new(f"Trading.Position.{action}", data, occurred_at=at)


def order(action: str, *, minute: int) -> Event:
    data = {
        "order_id": "o-1",
        "user_id": 7,
        "symbol": "STRK",
        "side": "buy",
        "quantity": "2",
        "price": "1.25" if action == "Placed" else "1.20",
    }
    at = MORNING + timedelta(minutes=minute)
    return Event.new(f"Trading.Order.{action}", data, occurred_at=at)


def said(bus: Bus, event_type: str) -> list[dict[str, Any]]:
    return [event.data for event in bus.events(event_type)]


def test_volume_adds_up_per_user_symbol_and_currency(bus: Bus) -> None:
    bus.publish(
        trade("0.10"),
        trade("0.20"),
        trade("5", symbol="BTC-USD"),
        trade("7", currency="EUR"),
        trade("9", user_id=8),
    )

    bus.drain()

    volumes = {row.pk: (row.trades, str(row.volume)) for row in SymbolVolume.objects.all()}
    assert volumes == {
        (7, "STRK", "USD"): (2, "0.30"),
        (7, "BTC-USD", "USD"): (1, "5.00"),
        (7, "STRK", "EUR"): (1, "7.00"),
        (8, "STRK", "USD"): (1, "9.00"),
    }


def test_a_filled_order_adds_no_volume(bus: Bus) -> None:
    bus.publish(order("Placed", minute=0), order("Filled", minute=1))

    bus.drain()

    assert not SymbolVolume.objects.exists()


def test_a_trade_earns_half_its_fee_back(bus: Bus) -> None:
    bus.publish(trade("1519.99", trade_id="t-1"))

    bus.drain()

    assert said(bus, "Trading.TradingRewardsCalculated") == [
        {"user_id": 7, "trade_id": "t-1", "reward": "0.75", "currency": "USD"}
    ]
    assert TradingReward.objects.get().reward == Decimal("0.75")


def test_a_reward_below_a_cent_is_none(bus: Bus) -> None:
    bus.publish(trade("19.99"))

    bus.drain()

    assert said(bus, "Trading.TradingRewardsCalculated") == []
    assert not TradingReward.objects.exists()


def test_a_trader_in_a_battle_scores_for_the_clan(bus: Bus) -> None:
    fight("battle-1", begins=now() - timedelta(minutes=1))
    bus.publish(trade("1999"), trade("99"), trade("500", user_id=8))

    bus.drain()

    assert said(bus, "Trading.ClanBattleScoreUpdated") == [
        {"battle_id": "battle-1", "clan_id": "orion", "user_id": 7, "points": 19}
    ]
    assert BattleTrader.objects.get().points == 19


@pytest.mark.parametrize("minutes", [-61, 1])
def test_a_battle_that_is_over_or_has_not_begun_scores_nothing(bus: Bus, minutes: int) -> None:
    fight("battle-1", begins=now() + timedelta(minutes=minutes))
    bus.publish(trade("1999"))

    bus.drain()

    assert said(bus, "Trading.ClanBattleScoreUpdated") == []


def fight(battle_id: str, begins: datetime) -> None:
    """Let user 7 fight for the clan orion, for an hour."""
    ends = begins + timedelta(hours=1)
    battle = ClanBattle.objects.create(battle_id=battle_id, starts_at=begins, ends_at=ends)
    BattleTrader.objects.create(battle=battle, user_id=7, clan_id="orion")


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
def test_a_position_is_what_its_latest_event_says_in_whatever_order_they_come(
    bus: Bus, sequence: tuple[int, ...]
) -> None:
    events = [
        position("Opened", "1", "100", minute=0),
        position("Modified", "3", "110", minute=1),
        position("Closed", "3", "120", minute=2, pnl="30"),
    ]

    for index in sequence:
        bus.publish(events[index])
        bus.drain()

    row, risk = Position.objects.get(), RiskProfile.objects.get()
    assert (row.state, row.quantity, row.price, row.pnl) == ("closed", 3, 120, 30)
    assert (row.user_id, row.symbol, row.side) == (7, "STRK", "long")
    assert risk.exposure == 0


@pytest.mark.parametrize("sequence", [(0, 1), (1, 0)])
def test_an_order_that_was_filled_is_filled_whatever_comes_later(
    bus: Bus, sequence: tuple[int, ...]
) -> None:
    events = [order("Placed", minute=0), order("Filled", minute=1)]

    for index in sequence:
        bus.publish(events[index])
        bus.drain()

    row = Order.objects.get()
    assert (row.state, row.price) == ("filled", Decimal("1.20"))


def test_exposure_follows_open_positions(bus: Bus) -> None:
    bus.publish(
        position("Opened", "10", "100", minute=0),
        position("Opened", "1", "50", position_id="p-2"),
        position("Modified", "4", "100", minute=1),
    )

    bus.drain()

    assert RiskProfile.objects.get(user_id=7).exposure == 450


def test_exposure_beyond_the_limit_is_told_when_it_is_passed_and_not_again(bus: Bus) -> None:
    bus.publish(position("Opened", "1000", "250"))
    bus.drain()
    assert said(bus, "Risk.Limit.Breached") == []

    for minute in (1, 2):
        bus.publish(position("Modified", "1000", f"30{minute}", minute=minute))
        bus.drain()

    assert said(bus, "Risk.Limit.Breached") == [
        {"user_id": 7, "limit": "exposure", "value": "301000.00", "maximum": "250000.00"}
    ]


def test_every_trade_that_is_too_large_is_told(bus: Bus) -> None:
    bus.publish(trade("100000"), trade("100000.01"), trade("100000.02"))

    bus.drain()

    breaches = said(bus, "Risk.Limit.Breached")
    assert [(data["limit"], data["value"]) for data in breaches] == [
        ("single_trade", "100000.01"),
        ("single_trade", "100000.02"),
    ]


def test_a_limit_of_ones_own_counts_instead_of_the_usual_one(bus: Bus) -> None:
    RiskProfile.objects.create(user_id=7, single_trade_limit=Decimal(50))
    bus.publish(trade("51"))

    bus.drain()

    assert said(bus, "Risk.Limit.Breached") == [
        {"user_id": 7, "limit": "single_trade", "value": "51", "maximum": "50.00"}
    ]


def test_the_volume_of_a_day_is_told_once_and_begins_anew_the_next_day(bus: Bus) -> None:
    for hours in (0, 1, 2, 24):
        at = MORNING + timedelta(hours=hours)
        bus.publish(*(trade("100000", at=at) for _ in range(5)))
        bus.drain()

    breaches = said(bus, "Risk.Limit.Breached")
    profile = RiskProfile.objects.get()
    assert [(data["limit"], data["value"]) for data in breaches] == [("daily_volume", "1100000.00")]
    assert (profile.day_volume, str(profile.day)) == (Decimal(500_000), "2026-01-16")


def test_a_trade_that_breaks_two_limits_raises_one_alarm_for_the_graver(bus: Bus) -> None:
    bus.publish(trade("1197500.00"))

    bus.drain()

    assert [data["limit"] for data in said(bus, "Risk.Limit.Breached")] == ["single_trade"]


def test_the_largest_amounts_there_are_break_nothing(bus: Bus) -> None:
    largest = "9999999999999999.99999999"
    RiskProfile.objects.create(user_id=7, single_trade_limit=Decimal(10) ** 30)
    bus.publish(trade(largest), trade(largest), position("Opened", largest, largest))

    bus.drain()

    assert {data["value"] for data in said(bus, "Risk.Limit.Breached")} == {str(10**15)}
    assert [letter for letter in bus.dead_letters() if "trading" in letter.group_name] == []
    assert SymbolVolume.objects.get().volume == 2 * Decimal(largest)
