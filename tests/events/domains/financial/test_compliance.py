"""What a compliance officer wants to know of."""

from __future__ import annotations

from decimal import Decimal

import pytest

from events import Event
from events.domains.financial.compliance import Finding, finding
from events.validation import payload_of


def found(event_type: str, **data: object) -> Finding | None:
    event = Event.new(event_type, {"user_id": 7, **data})
    return finding(event_type, payload_of(event))


@pytest.mark.parametrize(
    ("amount", "severity"),
    [("9999.99", None), ("10000", "medium"), ("99999.99", "medium"), ("100000.00", "high")],
)
def test_a_payment_of_ten_thousand_is_reported(amount: str, severity: str | None) -> None:
    paid = {"payment_id": "p-1", "amount": amount, "purpose": "purchase", "method": "card"}

    finding = found("Financial.PaymentCompleted", **paid)

    expected = severity and Finding("large_payment", severity, Decimal(amount))
    assert finding == expected


@pytest.mark.parametrize(
    ("amount", "severity"), [("999.99", None), ("1000.00", "low"), ("10000.00", "high")]
)
def test_revenue_of_a_thousand_from_one_event_is_looked_at(
    amount: str, severity: str | None
) -> None:
    finding = found(
        "Financial.RevenueRecorded", amount=amount, source="trading_fee", reference="trade-1"
    )

    assert finding == (severity and Finding("large_revenue", severity, Decimal(amount)))


@pytest.mark.parametrize(
    ("value", "severity"), [("100000.01", "medium"), ("200000", "high"), ("1", "medium")]
)
def test_every_breach_of_a_limit_is_reported(value: str, severity: str) -> None:
    finding = found("Risk.Limit.Breached", limit="single_trade", value=value, maximum="100000")

    assert finding == Finding("limit_breach", severity, Decimal(value))
