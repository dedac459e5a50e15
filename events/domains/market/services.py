"""What a price feed can do; it writes its row and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.market.models import Quote
from events.domains.rows import locked, save


class OutdatedQuote(AstraError):
    """The feed must act: it brings a price that is older than the one known."""


@transaction.atomic
def update_market(
    symbol: str,
    price: Decimal,
    volume: Decimal | None = None,
    *,
    observed_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Take in a price, observed now unless the feed says when. Returns the published event.

    Quotes may arrive in any order: one that was observed before the price known is refused.
    Raises OutdatedQuote, InvalidEvent.
    """
    said = {"symbol": symbol, "price": price, "volume": volume}
    event = Event.new("Market.DataUpdated", said, occurred_at=observed_at, metadata=metadata)
    quote = locked(Quote, [symbol])[symbol]
    if event.occurred_at < quote.as_of:
        raise OutdatedQuote(f"{symbol} has a newer price, observed at {quote.as_of.isoformat()}")
    quote.price, quote.volume, quote.as_of = price, volume, event.occurred_at
    save(Quote, [quote])
    publish(event)
    return event
