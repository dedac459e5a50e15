"""What the financial domain says."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from events import Money, Payload, UserId, event_type, upcaster
from events.domains.notation import Currency, Id, Line

Plan = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="Name of the plan, e.g. pro.")
]
Price = Annotated[Money, Field(gt=0)]


class _Payment(Payload):
    payment_id: Annotated[Id, Field(description="Id of the payment.")]
    user_id: Annotated[UserId, Field(description="Who paid.")]
    amount: Annotated[Price, Field(description="What was paid.")]
    currency: Currency = "USD"
    purpose: Annotated[
        Literal["subscription", "purchase"], Field(description="What it was paid for.")
    ]
    plan: Annotated[
        Plan | None, Field(description="The plan paid for; needed for a subscription.")
    ] = Field(default=None, validate_default=True)

    @field_validator("plan")
    @classmethod
    def _subscription_names_its_plan(cls, plan: str | None, info: ValidationInfo) -> str | None:
        if plan is None and info.data.get("purpose") == "subscription":
            raise ValueError("a payment for a subscription names the plan, such as pro")
        return plan


@event_type(
    "Financial.PaymentCompleted",
    entity="payment_id",
    owner="financial",
    example={
        "payment_id": "payment-5d3e81",
        "user_id": 123,
        "amount": "29.00",
        "currency": "USD",
        "purpose": "subscription",
        "plan": "pro",
    },
    deprecated="Say v2, which tells how it was paid.",
)
class PaymentCompletedV1(_Payment):
    """A payment of a user arrived; how it was paid is not told."""


@event_type(
    "Financial.PaymentCompleted",
    version=2,
    since="0.3",
    entity="payment_id",
    owner="financial",
    example={
        "payment_id": "payment-5d3e81",
        "user_id": 123,
        "amount": "29.00",
        "currency": "USD",
        "purpose": "subscription",
        "plan": "pro",
        "method": "card",
    },
)
class PaymentCompleted(_Payment):
    """A payment of a user arrived: for a subscription, which it begins or renews, or a purchase."""

    method: Annotated[
        Literal["card", "bank_transfer", "wallet", "crypto", "unknown"],
        Field(description="How it was paid; unknown where the first version was said."),
    ]


@upcaster("Financial.PaymentCompleted", to=2)
def with_method(data: dict[str, Any]) -> dict[str, Any]:
    """The second version tells how it was paid, which the first cannot know."""
    return {**data, "method": "unknown"}


@event_type(
    "Financial.PaymentRefunded",
    entity="payment_id",
    owner="financial",
    example={
        "payment_id": "payment-5d3e81",
        "user_id": 123,
        "amount": "29.00",
        "currency": "USD",
        "reason": "Asked for within 14 days",
    },
)
class PaymentRefunded(Payload):
    """A payment was given back; a subscription it had paid for ends."""

    payment_id: Annotated[Id, Field(description="The payment given back.")]
    user_id: Annotated[UserId, Field(description="Who had paid.")]
    amount: Annotated[Price, Field(description="What was given back.")]
    currency: Currency = "USD"
    reason: Annotated[Line, Field(description="Why, in words.")]


class _PaidSubscription(Payload):
    subscription_id: Annotated[Id, Field(description="Id of the subscription.")]
    user_id: Annotated[UserId, Field(description="The subscriber.")]
    plan: Plan
    amount: Annotated[Price, Field(description="What was paid for the period.")]
    currency: Currency = "USD"
    period_end: Annotated[date, Field(description="UTC day on which the paid period ends.")]


@event_type(
    "Financial.SubscriptionCreated",
    entity="subscription_id",
    owner="financial",
    example={
        "subscription_id": "subscription-123-pro",
        "user_id": 123,
        "plan": "pro",
        "amount": "29.00",
        "currency": "USD",
        "period_end": "2026-02-14",
    },
)
class SubscriptionCreated(_PaidSubscription):
    """A payment began a subscription, or began again one that had ended."""


@event_type(
    "Financial.SubscriptionRenewed",
    entity="subscription_id",
    owner="financial",
    example={
        "subscription_id": "subscription-123-pro",
        "user_id": 123,
        "plan": "pro",
        "amount": "29.00",
        "currency": "USD",
        "period_end": "2026-03-16",
    },
)
class SubscriptionRenewed(_PaidSubscription):
    """A further payment extended a running subscription."""


@event_type(
    "Financial.SubscriptionCancelled",
    entity="subscription_id",
    owner="financial",
    example={
        "subscription_id": "subscription-123-pro",
        "user_id": 123,
        "plan": "pro",
        "reason": "Its payment was refunded: asked for within 14 days",
    },
)
class SubscriptionCancelled(Payload):
    """A subscription ended before its period did."""

    subscription_id: Annotated[Id, Field(description="Id of the subscription.")]
    user_id: Annotated[UserId, Field(description="The subscriber.")]
    plan: Plan
    reason: Annotated[
        str, Field(min_length=1, max_length=300, description="Why it ended, in words.")
    ]


@event_type(
    "Financial.RevenueRecorded",
    entity="user_id",
    owner="financial",
    example={
        "user_id": 123,
        "amount": "1.50",
        "currency": "USD",
        "source": "trading_fee",
        "reference": "trade-8f2c1a",
    },
)
class RevenueRecorded(Payload):
    """An amount that the house earned from a user was entered in the revenue ledger."""

    user_id: Annotated[UserId, Field(description="From whom.")]
    amount: Annotated[
        Money, Field(ge=0, description="What was earned, in whole cents; 0.00 for a tiny trade.")
    ]
    currency: Currency = "USD"
    source: Annotated[
        Literal["trading_fee", "marketplace_fee", "subscription"],
        Field(description="What it was earned with."),
    ]
    reference: Annotated[
        Id, Field(description="Id of the trade, sale or subscription; else of the event.")
    ]


@event_type(
    "Financial.ComplianceFindingRaised",
    entity="finding_id",
    owner="financial",
    example={
        "finding_id": "large_payment-0198c0de-7d5a-7c3e-9a51-3f0c2b6e1a77",
        "user_id": 123,
        "rule": "large_payment",
        "severity": "medium",
        "amount": "12500.00",
    },
)
class ComplianceFindingRaised(Payload):
    """Something a compliance officer has to look at came up about a user."""

    finding_id: Annotated[Id, Field(description="Id of the finding.")]
    user_id: Annotated[UserId, Field(description="Whom it is about.")]
    rule: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$", description="The rule that found it.")]
    severity: Annotated[
        Literal["low", "medium", "high"], Field(description="How soon it must be looked at.")
    ]
    amount: Annotated[
        Money | None, Field(ge=0, description="The amount that was too large, where there is one.")
    ] = None
