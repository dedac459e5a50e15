"""What a trader can do, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from events import InvalidEvent
from events.domains.trading import services
from events.domains.trading.models import BattleTrader, ClanBattle, Order, Position, Trade
from events.domains.trading.services import TradingRefused
from tests.bus_fixture import Bus


def test_a_trade_is_written_and_said_together(bus: Bus) -> None:
    said = services.execute_trade(7, "STRK", "sell", Decimal("1200"), Decimal("1.25"))

    trade = Trade.objects.get()
    (event,) = bus.events()
    assert event.event_id == said.event_id
    assert event.data["value"] == "1500.00"
    assert (trade.value, trade.trade_id) == (Decimal(1500), event.data["trade_id"])


def test_a_value_is_rounded_to_the_cent(bus: Bus) -> None:
    said = services.execute_trade(7, "STRK", "buy", Decimal("0.333"), Decimal("10.01"))

    assert said.data["value"] == "3.33"


def test_a_trade_worth_nothing_is_refused_and_leaves_nothing(bus: Bus) -> None:
    with pytest.raises(InvalidEvent, match=r"data\.value"):
        services.execute_trade(7, "STRK", "buy", Decimal("0.001"), Decimal("0.001"))

    assert not Trade.objects.exists()
    assert bus.events() == []


def test_a_trade_rolled_back_was_never_said(bus: Bus) -> None:
    with transaction.atomic():
        services.execute_trade(7, "STRK", "buy", Decimal(1), Decimal(10))
        transaction.set_rollback(True)

    assert not Trade.objects.exists()
    assert bus.events() == []


def test_metadata_travels_with_the_event(bus: Bus) -> None:
    services.place_order(7, "STRK", "buy", Decimal(1), metadata={"synthetic": True})

    (event,) = bus.events()
    assert event.synthetic


def test_an_order_is_filled_once(bus: Bus) -> None:
    order_id = services.place_order(7, "STRK", "buy", Decimal(1)).entity_id
    services.fill_order(order_id, Decimal("1.30"))

    with pytest.raises(TradingRefused, match=r"is filled"):
        services.cancel_order(order_id, "too late")

    order = Order.objects.get()
    assert (order.state, order.price) == ("filled", Decimal("1.30"))
    assert [event.event_type for event in bus.events()] == [
        "Trading.Order.Placed",
        "Trading.Order.Filled",
    ]


def test_a_cancelled_order_says_why(bus: Bus) -> None:
    order_id = services.place_order(7, "STRK", "buy", Decimal(1), Decimal(2)).entity_id

    said = services.cancel_order(order_id, "changed my mind")

    assert said.data["reason"] == "changed my mind"
    assert Order.objects.get().state == "cancelled"


def test_an_order_nobody_knows_is_refused(bus: Bus) -> None:
    with pytest.raises(TradingRefused, match="order order-x is not known"):
        services.fill_order("order-x", Decimal(1))


@pytest.mark.parametrize(("side", "pnl"), [("long", "12.50"), ("short", "-12.50")])
def test_closing_a_position_says_the_profit_or_loss(bus: Bus, side: str, pnl: str) -> None:
    opened = services.open_position(7, "STRK", side, Decimal("2.5"), Decimal(100))

    closed = services.close_position(opened.entity_id, Decimal(105))

    assert closed.data["pnl"] == pnl
    assert Position.objects.get().state == "closed"


def test_a_modified_position_closes_with_its_new_size(bus: Bus) -> None:
    position_id = services.open_position(7, "STRK", "long", Decimal(1), Decimal(100)).entity_id
    services.modify_position(position_id, Decimal(3), Decimal(110))

    closed = services.close_position(position_id, Decimal(111))

    assert closed.data["pnl"] == "3.00"


def test_a_closed_position_stays_closed(bus: Bus) -> None:
    position_id = services.open_position(7, "STRK", "long", Decimal(1), Decimal(100)).entity_id
    services.close_position(position_id, Decimal(100))

    with pytest.raises(TradingRefused, match="is closed"):
        services.modify_position(position_id, Decimal(2), Decimal(100))


def test_a_trader_stays_with_the_clan_they_joined_first(bus: Bus) -> None:
    services.join_clan_battle(7, "orion", "battle-1", lasts=timedelta(minutes=5))

    part = services.join_clan_battle(7, "lyra", "battle-1", lasts=timedelta(days=5))

    battle = ClanBattle.objects.get()
    assert battle.ends_at - battle.starts_at == timedelta(minutes=5)
    assert BattleTrader.objects.get() == part
    assert part.clan_id == "orion"
    assert bus.events() == []
