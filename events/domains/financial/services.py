"""What one can do in the financial domain; each writes its rows and says so in one transaction.

Subscriptions begin, renew and end by payments and refunds: their group does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.financial.models import Payment


class NotRefundable(AstraError):
    """The caller must act: there is no such payment, or it was given back before."""


def complete_payment(
    user_id: int,
    amount: Decimal,
    purpose: Literal["subscription", "purchase"],
    *,
    plan: str | None = None,
    method: str | None = None,
    currency: str = "USD",
    payment_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Take a payment; one for a subscription names the plan. Returns the published event.

    A caller that does not tell the `method` says the first version of the event, which has none.
    Raises InvalidEvent for a bad amount, django's IntegrityError for an id that is taken.
    """
    said = {
        "payment_id": payment_id or f"payment-{uuid4()}",
        "user_id": user_id,
        "amount": amount,
        "currency": currency,
        "purpose": purpose,
        "plan": plan,
    }
    version = 1 if method is None else 2
    if method is not None:
        said["method"] = method
    event = Event.new(f"Financial.PaymentCompleted.v{version}", said, metadata=metadata)
    with transaction.atomic():
        Payment.objects.create(
            payment_id=event.entity_id,
            user_id=user_id,
            amount=amount,
            currency=currency,
            purpose=purpose,
            plan=plan or "",
            method=method or "",
            paid_at=event.occurred_at,
        )
        publish(event)
    return event


def refund_payment(
    payment_id: str, reason: str, *, metadata: Mapping[str, Any] | None = None
) -> Event:
    """Give back the whole of a payment. Returns the published event.

    Raises NotRefundable, InvalidEvent for a reason that is empty or has line breaks.
    """
    with transaction.atomic():
        payment = Payment.objects.select_for_update().filter(pk=payment_id).first()
        if payment is None:
            raise NotRefundable(f"there is no payment {payment_id!r}; use an id of this domain")
        if payment.refunded_at is not None:
            raise NotRefundable(f"{payment_id} was given back on {payment.refunded_at:%Y-%m-%d}")
        said = {
            "payment_id": payment_id,
            "user_id": payment.user_id,
            "amount": payment.amount,
            "currency": payment.currency,
            "reason": reason,
        }
        event = Event.new("Financial.PaymentRefunded", said, metadata=metadata)
        payment.refunded_at = event.occurred_at
        payment.save(update_fields=["refunded_at"])
        publish(event)
    return event
