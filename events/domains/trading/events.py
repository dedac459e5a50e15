"""What the trading domain says."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from events import Money, Payload, UserId, event_type
from events.domains.notation import Currency, Id, Line, Share, Symbol

Side = Annotated[Literal["buy", "sell"], Field(description="Which way the trader went.")]
Price = Annotated[Money, Field(gt=0, description="Price of one unit.")]
Quantity = Annotated[Money, Field(gt=0, description="How many units.")]


@event_type(
    "Trading.TradeExecuted",
    entity="user_id",
    owner="trading",
    aliases=("Trading.Trade.Executed",),
    example={
        "user_id": 123,
        "symbol": "STRK",
        "value": "1500.00",
        "trade_id": "trade-8f2c1a",
        "side": "buy",
        "quantity": "1200",
        "price": "1.25",
        "currency": "USD",
    },
)
class TradeExecuted(Payload):
    """A trade of a user was executed; volume, experience and revenue come from this event alone."""

    user_id: UserId
    symbol: Symbol
    value: Annotated[Money, Field(gt=0, description="Quantity times price.")]
    trade_id: Annotated[Id | None, Field(description="Id given by the trading engine.")] = None
    side: Side = "buy"
    quantity: Quantity | None = None
    price: Price | None = None
    currency: Currency = "USD"


class _Order(Payload):
    order_id: Annotated[Id, Field(description="Id of the order.")]
    user_id: UserId
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Annotated[
        Price | None, Field(description="Limit, or price of the fill; none for a market order.")
    ] = None


@event_type(
    "Trading.Order.Placed",
    entity="order_id",
    owner="trading",
    example={
        "order_id": "order-51b7",
        "user_id": 123,
        "symbol": "STRK",
        "side": "buy",
        "quantity": "1200",
        "price": "1.25",
    },
)
class OrderPlaced(_Order):
    """A user placed an order, which waits to be filled."""


@event_type(
    "Trading.Order.Filled",
    entity="order_id",
    owner="trading",
    example={
        "order_id": "order-51b7",
        "user_id": 123,
        "symbol": "STRK",
        "side": "buy",
        "quantity": "1200",
        "price": "1.249",
    },
)
class OrderFilled(_Order):
    """An order was filled; the trade that filled it is said by TradeExecuted and counted there."""


@event_type(
    "Trading.Order.Cancelled",
    entity="order_id",
    owner="trading",
    example={
        "order_id": "order-51b8",
        "user_id": 123,
        "symbol": "ETH-USD",
        "side": "sell",
        "quantity": "0.5",
        "price": "4100",
        "reason": "cancelled by the trader",
    },
)
class OrderCancelled(_Order):
    """An order was withdrawn before it was filled."""

    reason: Annotated[Line | None, Field(description="Why, in words.")] = None


class _Position(Payload):
    position_id: Annotated[Id, Field(description="Id of the position.")]
    user_id: UserId
    symbol: Symbol
    side: Annotated[
        Literal["long", "short"], Field(description="Whether it gains when the price rises.")
    ]
    quantity: Quantity
    price: Price


@event_type(
    "Trading.Position.Opened",
    entity="position_id",
    owner="trading",
    example={
        "position_id": "position-77e0",
        "user_id": 123,
        "symbol": "BTC-USD",
        "side": "long",
        "quantity": "0.25",
        "price": "64200.50",
    },
)
class PositionOpened(_Position):
    """A user opened a position at this price."""


@event_type(
    "Trading.Position.Modified",
    entity="position_id",
    owner="trading",
    example={
        "position_id": "position-77e0",
        "user_id": 123,
        "symbol": "BTC-USD",
        "side": "long",
        "quantity": "0.40",
        "price": "64350.00",
    },
)
class PositionModified(_Position):
    """A position was made larger or smaller; quantity and average price are those after it."""


@event_type(
    "Trading.Position.Closed",
    entity="position_id",
    owner="trading",
    example={
        "position_id": "position-77e0",
        "user_id": 123,
        "symbol": "BTC-USD",
        "side": "long",
        "quantity": "0.40",
        "price": "65010.00",
        "pnl": "264.00",
    },
)
class PositionClosed(_Position):
    """A position was closed at this price, with this profit or loss."""

    pnl: Annotated[Money, Field(description="Profit, or loss when negative.")]


@event_type(
    "Trading.TradingRewardsCalculated",
    entity="user_id",
    owner="trading",
    example={"user_id": 123, "trade_id": "trade-8f2c1a", "reward": "0.75", "currency": "USD"},
)
class TradingRewardsCalculated(Payload):
    """A trade earned its trader a reward."""

    user_id: UserId
    reward: Annotated[Money, Field(gt=0, description="What the trader earned.")]
    trade_id: Annotated[Id | None, Field(description="The trade, where it has an id.")] = None
    currency: Currency = "USD"


@event_type(
    "Trading.ClanBattleScoreUpdated",
    entity="battle_id",
    owner="trading",
    example={"battle_id": "battle-12", "clan_id": "clan-orion", "user_id": 123, "points": 15},
)
class ClanBattleScoreUpdated(Payload):
    """A trader scored for a clan in a battle that is being fought."""

    battle_id: Annotated[Id, Field(description="Id of the battle.")]
    clan_id: Annotated[Id, Field(description="The clan the trader fights for.")]
    user_id: UserId
    points: Annotated[int, Field(ge=1, le=10**15, description="Points added to the clan's score.")]


@event_type(
    "Trading.OrderExecuted",
    entity="order_id",
    owner="trading",
    aliases=("order_executed",),
    example={
        "order_id": "order-51b7",
        "user_id": 123,
        "symbol": "STRK",
        "side": "buy",
        "quantity": "1200",
        "price": "1.249",
        "execution_id": "execution-c80b",
        "venue": "starknet",
    },
)
class OrderExecuted(_Order):
    """A venue reported that it executed an order; its trade is counted by TradeExecuted alone."""

    execution_id: Annotated[Id, Field(description="Id of the execution.")]
    venue: Annotated[Id, Field(description="Where it was executed.")]


@event_type(
    "Trading.SignalGenerated",
    entity="symbol",
    owner="trading",
    aliases=("trading_signal",),
    example={"symbol": "BTC/USDT", "action": "buy", "confidence": 0.85, "model": "momentum"},
)
class SignalGenerated(Payload):
    """A model or a strategy advises what to do with a symbol."""

    symbol: Symbol
    action: Annotated[Literal["buy", "sell", "hold"], Field(description="What it advises.")]
    confidence: Annotated[Share, Field(description="How sure it is, from 0 to 1.")]
    signal_id: Annotated[Id | None, Field(description="Id of the signal, if it has one.")] = None
    model: Annotated[Id | None, Field(description="Name of what advises it.")] = None


@event_type(
    "Trading.PnL.Updated",
    entity="user_id",
    owner="trading",
    example={"user_id": 123, "day": "2026-01-14", "realised": "264.00", "unrealised": "-31.50"},
)
class PnLUpdated(Payload):
    """The profit or loss of a user was worked out anew."""

    user_id: UserId
    day: Annotated[date, Field(description="UTC day the realised part is of.")]
    realised: Annotated[Money, Field(description="What positions closed on the day brought.")]
    unrealised: Annotated[Money, Field(description="What closing all others now would bring.")]
    currency: Currency = "USD"


@event_type(
    "Trading.PortfolioUpdated",
    entity="user_id",
    owner="trading",
    aliases=("portfolio_update",),
    example={"user_id": 123, "positions": 3, "value": "25740.00", "cost": "25771.50"},
)
class PortfolioUpdated(Payload):
    """What a user holds was valued anew."""

    user_id: UserId
    positions: Annotated[int, Field(ge=0, le=10**6, description="How many positions are open.")]
    value: Annotated[Money, Field(ge=0, description="What they are worth at the last prices.")]
    cost: Annotated[Money, Field(ge=0, description="What they were worth when entered.")]
    currency: Currency = "USD"
