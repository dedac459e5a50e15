"""What the house earns: pure, exact to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

TRADING_FEE = Decimal("0.001")
"""Part of a trade's value: 0.1 %."""

MARKETPLACE_FEE = Decimal("0.025")
"""Part of the price of a token: 2.5 %, paid by the seller."""

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Revenue:
    """An amount earned from a user, in whole cents; `reference` is None where nothing has an id."""

    user_id: int
    amount: Decimal
    currency: str
    source: str
    reference: str | None


def revenue(event_type: str, payload: Any) -> Revenue:
    """What an event earns: of a trade, a sale, or a payment for a subscription."""
    if event_type == "Trading.TradeExecuted":
        fee = cents(payload.value * TRADING_FEE)
        return Revenue(payload.user_id, fee, payload.currency, "trading_fee", payload.trade_id)
    if event_type == "NFT.MarketplaceSale":
        fee = cents(payload.price * MARKETPLACE_FEE)
        return Revenue(payload.seller_id, fee, payload.currency, "marketplace_fee", payload.sale_id)
    return Revenue(
        payload.user_id,
        cents(payload.amount),
        payload.currency,
        "subscription",
        payload.subscription_id,
    )


def cents(amount: Decimal) -> Decimal:
    """Rounded to whole cents, half to even: over many amounts neither side gains by it."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)
