"""What a trading desk works out and reports; each writes its row and says so in one transaction.

None of it is counted: volume, experience and revenue come from TradeExecuted alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal
from uuid import uuid4

from django.db import transaction

from events import Event, publish
from events.domains.rows import locked, save
from events.domains.trading.models import (
    CENT,
    Execution,
    Order,
    Portfolio,
    Position,
    ProfitAndLoss,
    Signal,
)
from events.domains.trading.services import Metadata, TradingRefused

Prices = Mapping[str, Decimal]
"""Price of one unit, by symbol."""


@transaction.atomic
def generate_signal(
    symbol: str,
    action: Literal["buy", "sell", "hold"],
    confidence: float,
    *,
    model: str | None = None,
    metadata: Metadata = None,
) -> Event:
    """Advise what to do with a symbol. Returns the published event; raises InvalidEvent."""
    said = {
        "symbol": symbol,
        "action": action,
        "confidence": confidence,
        "signal_id": f"signal-{uuid4().hex[:12]}",
        "model": model,
    }
    event = Event.new("Trading.SignalGenerated", said, metadata=metadata)
    Signal.objects.create(
        signal_id=event.data["signal_id"],
        symbol=symbol,
        action=action,
        confidence=confidence,
        model=model or "",
        generated_at=event.occurred_at,
    )
    publish(event)
    return event


@transaction.atomic
def report_execution(order_id: str, venue: str, *, metadata: Metadata = None) -> Event:
    """Report where an order that was filled has been executed. Returns the published event.

    Raises TradingRefused when it is not filled or was reported before, InvalidEvent.
    """
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None or order.state != Order.State.FILLED:
        raise TradingRefused(f"order {order_id} is {order.state if order else 'not known'}")
    said = {
        "order_id": order_id,
        "user_id": order.user_id,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": order.quantity,
        "price": order.price,
        "execution_id": f"execution-{uuid4().hex[:12]}",
        "venue": venue,
    }
    event = Event.new("Trading.OrderExecuted", said, metadata=metadata)
    reported, is_new = Execution.objects.get_or_create(
        order_id=order_id,
        defaults={
            "execution_id": event.data["execution_id"],
            "venue": venue,
            "executed_at": event.occurred_at,
        },
    )
    if not is_new:
        raise TradingRefused(f"order {order_id} was executed at {reported.venue}")
    publish(event)
    return event


@transaction.atomic
def update_pnl(user_id: int, prices: Prices, *, metadata: Metadata = None) -> Event:
    """Work out what positions closed today brought, and what the open ones would at these prices.

    Returns the published event. Raises TradingRefused when there are neither, or a symbol they
    hold has no price.
    """
    row = locked(ProfitAndLoss, [user_id])[user_id]
    at = datetime.now(UTC)
    midnight = datetime.combine(at, time(), UTC)
    held = _held(user_id, prices)
    closed = list(
        Position.objects.filter(
            user_id=user_id, state=Position.State.CLOSED, as_of__gte=midnight
        ).values_list("pnl", flat=True)
    )
    if not held and not closed:
        raise TradingRefused(f"user {user_id} holds nothing and has closed nothing today")
    row.day, row.realised = at.date(), sum(closed, Decimal(0))
    row.unrealised = sum((p.gain_at(prices[p.symbol]) for p in held), Decimal(0))
    said = {
        "user_id": user_id,
        "day": row.day,
        "realised": row.realised,
        "unrealised": row.unrealised,
    }
    event = Event.new("Trading.PnL.Updated", said, metadata=metadata)
    row.as_of = event.occurred_at
    save(ProfitAndLoss, [row])
    publish(event)
    return event


@transaction.atomic
def update_portfolio(user_id: int, prices: Prices, *, metadata: Metadata = None) -> Event:
    """Work out what a user's open positions are worth at these prices, long and short alike.

    Returns the published event; a user who holds nothing has a portfolio worth nothing. Raises
    TradingRefused when a symbol they hold has no price.
    """
    row = locked(Portfolio, [user_id])[user_id]
    held = _held(user_id, prices)
    row.positions = len(held)
    row.value = _cents(sum((p.quantity * prices[p.symbol] for p in held), Decimal(0)))
    row.cost = _cents(sum((p.quantity * p.price for p in held), Decimal(0)))
    said = {
        "user_id": user_id,
        "positions": row.positions,
        "value": row.value,
        "cost": row.cost,
    }
    event = Event.new("Trading.PortfolioUpdated", said, metadata=metadata)
    row.as_of = event.occurred_at
    save(Portfolio, [row])
    publish(event)
    return event


def _held(user_id: int, prices: Prices) -> list[Position]:
    """The user's open positions, each of a symbol that has a price."""
    held = list(Position.objects.filter(user_id=user_id, state=Position.State.OPEN))
    lacking = {position.symbol for position in held} - set(prices)
    if lacking:
        raise TradingRefused(
            f"user {user_id} holds {', '.join(sorted(lacking))}: give the price too"
        )
    return held


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)
