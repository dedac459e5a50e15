"""What the house earns, to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from events import Event
from events.domains.financial.fees import Revenue, revenue
from events.validation import payload_of


@pytest.mark.parametrize(
    ("value", "fee"),
    [
        ("1500.00", "1.50"),
        ("5000.00", "5.00"),
        ("1197500.00", "1197.50"),
        ("0.01", "0.00"),
        ("4.99", "0.00"),
        ("1005.00", "1.00"),
        ("1015.00", "1.02"),
        ("9999999999999999.99999999", "10000000000000.00"),
    ],
)
def test_a_trade_costs_a_thousandth_of_its_value_rounded_half_to_even(value: str, fee: str) -> None:
    data = {"user_id": 7, "symbol": "STRK", "value": value, "trade_id": "trade-1"}
    trade = Event.new("Trading.TradeExecuted", data)

    earned = revenue(trade.event_type, payload_of(trade))

    assert earned == Revenue(7, Decimal(fee), "USD", "trading_fee", "trade-1")
    assert str(earned.amount) == fee


def test_the_seller_of_a_token_pays_a_fortieth_of_the_price() -> None:
    data = {"sale_id": "s-1", "token_id": "t-1", "seller_id": 7, "buyer_id": 8, "price": "180"}
    sale = Event.new("NFT.MarketplaceSale", {**data, "currency": "EUR"})

    earned = revenue(sale.event_type, payload_of(sale))

    assert earned == Revenue(7, Decimal("4.50"), "EUR", "marketplace_fee", "s-1")


@pytest.mark.parametrize("action", ["Created", "Renewed"])
def test_a_subscription_earns_all_that_was_paid_for_it(action: str) -> None:
    data = {
        "subscription_id": "sub-1",
        "user_id": 7,
        "plan": "pro",
        "amount": "29",
        "period_end": "2026-02-14",
    }
    paid = Event.new(f"Financial.Subscription{action}", data)

    earned = revenue(paid.event_type, payload_of(paid))

    assert earned == Revenue(7, Decimal("29.00"), "USD", "subscription", "sub-1")
