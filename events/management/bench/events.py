"""The event a bench is about: a trade of some 430 bytes with its envelope, and what follows it."""

from __future__ import annotations

from events import Money, Payload, UserId, event_type

NAME = "Bench.TradeMade"
FOLLOWING = "Bench.TradeCounted"
EXAMPLE = {
    "trade_id": "trade-000000-0123456789abcdef",
    "user_id": 123,
    "symbol": "STRK-USD",
    "side": "buy",
    "value": "1500.00",
    "note": "what a customer may have written beside it",
}


@event_type(NAME, entity="user_id", owner="bench", example=EXAMPLE)
class TradeMade(Payload):
    """A trade, as the bench makes it."""

    trade_id: str
    user_id: UserId
    symbol: str
    side: str
    value: Money
    note: str = ""


@event_type(FOLLOWING, entity="user_id", owner="bench", example={"user_id": 123, "trades": 1})
class TradeCounted(Payload):
    """What the handlers of the bench say."""

    user_id: UserId
    trades: int
