"""What a compliance officer wants to know of: pure rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LARGE_PAYMENT = Decimal(10_000)
"""Payments from this amount on are reported, as money laundering rules commonly ask."""

LARGE_REVENUE = Decimal(1_000)
"""Revenue from one event from this amount on is looked at: the fee of a trade of a million."""

GRAVE_TIMES = 10
"""This many times a threshold is grave."""

GRAVE_BREACH_TIMES = 2
"""This many times the maximum is a grave breach of a limit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an event met, and how soon it must be looked at."""

    rule: str
    severity: str
    amount: Decimal


def finding(event_type: str, payload: Any) -> Finding | None:
    """What is to be reported of an event, in the currency of its amount; mostly nothing."""
    if event_type == "Risk.Limit.Breached":
        grave = payload.value >= GRAVE_BREACH_TIMES * payload.maximum
        return Finding("limit_breach", "high" if grave else "medium", payload.value)
    if event_type == "Financial.PaymentCompleted":
        return _large("large_payment", "medium", payload.amount, LARGE_PAYMENT)
    return _large("large_revenue", "low", payload.amount, LARGE_REVENUE)


def _large(rule: str, severity: str, amount: Decimal, threshold: Decimal) -> Finding | None:
    if amount < threshold:
        return None
    return Finding(rule, "high" if amount >= GRAVE_TIMES * threshold else severity, amount)
