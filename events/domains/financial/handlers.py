"""What financial does when it hears of trades, sales, payments and breached limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from events import Context, Event, handles
from events.domains.financial.compliance import finding
from events.domains.financial.fees import revenue
from events.domains.financial.models import (
    ComplianceFinding,
    RevenueEntry,
    Subscription,
    SubscriptionPayment,
)
from events.domains.rows import add, locked, save

PERIOD = timedelta(days=30)
"""What one payment for a subscription pays for."""

PAYMENT = "Financial.PaymentCompleted"
CREATED = "Financial.SubscriptionCreated"
RENEWED = "Financial.SubscriptionRenewed"
CANCELLED = "Financial.SubscriptionCancelled"


@handles(
    "Trading.TradeExecuted",
    "NFT.MarketplaceSale",
    CREATED,
    RENEWED,
    group="revenue_trackers",
    batch=True,
    always_says=["Financial.RevenueRecorded"],
)
def record_revenue(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Enter in the ledger what each event earned: one row per event, 0.00 for a tiny trade."""
    entries = []
    for event, context in zip(events, contexts, strict=True):
        earned = revenue(event.event_type, context.payload)
        reference = earned.reference or str(event.event_id)
        said = {
            "user_id": earned.user_id,
            "amount": earned.amount,
            "currency": earned.currency,
            "source": earned.source,
            "reference": reference,
        }
        context.caused("Financial.RevenueRecorded", said)
        entries.append(RevenueEntry(event_id=event.event_id, earned_at=event.occurred_at, **said))
    add(entries)


@handles(
    PAYMENT,
    group="subscription_processors",
    only={"purpose": ("subscription",)},
    batch=True,
    says=[CREATED, RENEWED],
)
def begin_or_renew(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Begin the subscription that was paid for, or renew it; a payment counts once."""
    payments = locked(SubscriptionPayment, [context.payload.payment_id for context in contexts])
    subscriptions = locked(Subscription, [_subscription_id(c.payload) for c in contexts])
    for event, context in zip(events, contexts, strict=True):
        paid = context.payload
        payment, subscription = payments[paid.payment_id], subscriptions[_subscription_id(paid)]
        if payment.subscription_id:
            continue
        payment.subscription_id = subscription.subscription_id
        subscription.user_id, subscription.plan = paid.user_id, paid.plan
        if payment.refunded_at is None:
            _extend(subscription, paid, event.occurred_at.date(), context)
    save(SubscriptionPayment, payments.values())
    save(Subscription, subscriptions.values())


def _extend(subscription: Subscription, paid: Any, day: date, context: Context) -> None:
    said_type = RENEWED if subscription.active else CREATED
    # A renewal paid early is added to what is left; one paid late begins when it is paid.
    left = subscription.period_end if subscription.active else None
    subscription.active, subscription.period_end = True, max(day, left or day) + PERIOD
    subscription.last_payment_id = paid.payment_id
    said = {
        "subscription_id": subscription.subscription_id,
        "user_id": paid.user_id,
        "plan": paid.plan,
        "amount": paid.amount,
        "currency": paid.currency,
        "period_end": subscription.period_end,
    }
    context.caused(said_type, said)


@handles("Financial.PaymentRefunded", group="subscription_processors", batch=True, says=[CANCELLED])
def end_refunded(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """End the subscription whose latest payment was given back.

    A refund that overtakes its payment is remembered, so that the payment begins nothing.
    """
    payments = locked(SubscriptionPayment, [context.payload.payment_id for context in contexts])
    known = [p.subscription_id for p in payments.values() if p.subscription_id]
    subscriptions = locked(Subscription, known)
    for event, context in zip(events, contexts, strict=True):
        payment = payments[context.payload.payment_id]
        payment.refunded_at = payment.refunded_at or event.occurred_at
        subscription = subscriptions.get(payment.subscription_id)
        if subscription is None or not subscription.active:
            continue
        if subscription.last_payment_id == payment.payment_id:
            subscription.active, subscription.period_end = False, event.occurred_at.date()
            _say_cancelled(context, subscription)
    save(SubscriptionPayment, payments.values())
    save(Subscription, subscriptions.values())


def _say_cancelled(context: Context, subscription: Subscription) -> None:
    said = {
        "subscription_id": subscription.subscription_id,
        "user_id": subscription.user_id,
        "plan": subscription.plan,
        "reason": f"Its payment was refunded: {context.payload.reason}",
    }
    context.caused(CANCELLED, said)


def _subscription_id(paid: Any) -> str:
    return f"subscription-{paid.user_id}-{paid.plan}"


@handles(
    PAYMENT,
    "Financial.RevenueRecorded",
    "Risk.Limit.Breached",
    group="financial_compliance",
    batch=True,
    says=["Financial.ComplianceFindingRaised"],
)
def raise_findings(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Report large amounts and every breached limit."""
    findings = []
    for event, context in zip(events, contexts, strict=True):
        found = finding(event.event_type, context.payload)
        if found is None:
            continue
        said = {
            "finding_id": f"{found.rule}-{event.event_id}",
            "user_id": context.payload.user_id,
            "rule": found.rule,
            "severity": found.severity,
            "amount": found.amount,
        }
        context.caused("Financial.ComplianceFindingRaised", said)
        findings.append(
            ComplianceFinding(event_id=event.event_id, raised_at=event.occurred_at, **said)
        )
    add(findings)
