"""What a trader can do. Each function writes its own rows and says so, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.trading.models import CENT, BattleTrader, ClanBattle, Order, Position, Trade

Metadata = Mapping[str, Any] | None


class TradingRefused(AstraError):
    """The trader must act: what they asked for cannot be done, for the reason given."""


@transaction.atomic
def execute_trade(
    user_id: int,
    symbol: str,
    side: str,
    quantity: Decimal,
    price: Decimal,
    *,
    metadata: Metadata = None,
) -> Event:
    """Execute a trade; its value is quantity times price, to the cent.

    Raises InvalidEvent when a field is not as TradeExecuted wants it, e.g. a value of nothing.
    """
    trade_id = _new_id("trade")
    value = (quantity * price).quantize(CENT, ROUND_HALF_EVEN)
    event = Event.new(
        "Trading.TradeExecuted",
        {
            "user_id": user_id,
            "symbol": symbol,
            "value": value,
            "trade_id": trade_id,
            "side": side,
            "quantity": quantity,
            "price": price,
        },
        metadata=metadata,
    )
    Trade.objects.create(
        trade_id=trade_id,
        user_id=user_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        value=value,
        executed_at=event.occurred_at,
    )
    publish(event)
    return event


@transaction.atomic
def place_order(
    user_id: int,
    symbol: str,
    side: str,
    quantity: Decimal,
    price: Decimal | None = None,
    *,
    metadata: Metadata = None,
) -> Event:
    """Place an order: at this price or better, or at the market's when there is none."""
    order = Order(
        order_id=_new_id("order"),
        user_id=user_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
    )
    return _said_of_order(order, "Placed", metadata)


@transaction.atomic
def fill_order(order_id: str, price: Decimal, *, metadata: Metadata = None) -> Event:
    """Fill a waiting order at this price. The trade itself is `execute_trade`'s to say."""
    order = _waiting_order(order_id)
    order.price, order.state = price, Order.State.FILLED
    return _said_of_order(order, "Filled", metadata)


@transaction.atomic
def cancel_order(order_id: str, reason: str, *, metadata: Metadata = None) -> Event:
    """Withdraw a waiting order."""
    order = _waiting_order(order_id)
    order.state = Order.State.CANCELLED
    return _said_of_order(order, "Cancelled", metadata, reason=reason)


def _waiting_order(order_id: str) -> Order:
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None or order.state != Order.State.PLACED:
        raise TradingRefused(f"order {order_id} is {order.state if order else 'not known'}")
    return order


def _said_of_order(order: Order, action: str, metadata: Metadata, **more: str) -> Event:
    event = Event.new(
        f"Trading.Order.{action}",
        {
            "order_id": order.order_id,
            "user_id": order.user_id,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": order.quantity,
            "price": order.price,
            **more,
        },
        metadata=metadata,
    )
    order.as_of = event.occurred_at
    order.save()
    publish(event)
    return event


@transaction.atomic
def open_position(
    user_id: int,
    symbol: str,
    side: str,
    quantity: Decimal,
    price: Decimal,
    *,
    metadata: Metadata = None,
) -> Event:
    """Open a position, ``long`` or ``short``."""
    position = Position(
        position_id=_new_id("position"),
        user_id=user_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
    )
    return _said_of_position(position, "Opened", metadata)


@transaction.atomic
def modify_position(
    position_id: str, quantity: Decimal, price: Decimal, *, metadata: Metadata = None
) -> Event:
    """Make an open position larger or smaller; `price` is its average price from now on."""
    position = _open_position(position_id)
    position.quantity, position.price = quantity, price
    return _said_of_position(position, "Modified", metadata)


@transaction.atomic
def close_position(position_id: str, price: Decimal, *, metadata: Metadata = None) -> Event:
    """Close an open position at this price; the profit or loss is said to the cent."""
    position = _open_position(position_id)
    position.pnl = position.gain_at(price)
    position.price, position.state = price, Position.State.CLOSED
    return _said_of_position(position, "Closed", metadata, pnl=position.pnl)


def _open_position(position_id: str) -> Position:
    position = Position.objects.select_for_update().filter(pk=position_id).first()
    if position is None or position.state != Position.State.OPEN:
        state = position.state if position else "not known"
        raise TradingRefused(f"position {position_id} is {state}")
    return position


def _said_of_position(
    position: Position, action: str, metadata: Metadata, **more: Decimal
) -> Event:
    event = Event.new(
        f"Trading.Position.{action}",
        {
            "position_id": position.position_id,
            "user_id": position.user_id,
            "symbol": position.symbol,
            "side": position.side,
            "quantity": position.quantity,
            "price": position.price,
            **more,
        },
        metadata=metadata,
    )
    position.as_of = event.occurred_at
    position.save()
    publish(event)
    return event


@transaction.atomic
def join_clan_battle(
    user_id: int, clan_id: str, battle_id: str, *, lasts: timedelta = timedelta(hours=1)
) -> BattleTrader:
    """Let a trader fight for a clan; a battle nobody joined before starts now and `lasts` so long.

    Returns their part in it: who is in the battle already stays with the clan they chose first.
    Nothing is said until they score.
    """
    begins = datetime.now(UTC)
    battle = ClanBattle(battle_id=battle_id, starts_at=begins, ends_at=begins + lasts)
    ClanBattle.objects.bulk_create([battle], ignore_conflicts=True)
    trader = BattleTrader(battle_id=battle_id, user_id=user_id, clan_id=clan_id)
    BattleTrader.objects.bulk_create([trader], ignore_conflicts=True)
    return BattleTrader.objects.get(battle_id=battle_id, user_id=user_id)


def _new_id(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:12]}"
