"""What is said about markets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events import Money, Payload, event_type
from events.domains.notation import Symbol

QUOTES_KEPT_DAYS = 3
"""They are many, and each makes the one before it worthless."""


@event_type(
    "Market.DataUpdated",
    entity="symbol",
    owner="market",
    aliases=("market_data_update",),
    retention_days=QUOTES_KEPT_DAYS,
    example={"symbol": "BTC/USDT", "price": "45000.00", "volume": "1234.56"},
)
class DataUpdated(Payload):
    """A feed brought the newest price of a symbol."""

    symbol: Symbol
    price: Annotated[Money, Field(gt=0, description="Price of one unit.")]
    volume: Annotated[
        Money | None, Field(ge=0, description="Units traded lately, where the feed tells.")
    ] = None
