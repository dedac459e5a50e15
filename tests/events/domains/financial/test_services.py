"""What one can do in the financial domain, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import IntegrityError

from events import Event, InvalidEvent
from events.domains.financial import services
from events.domains.financial.models import Payment
from events.domains.financial.services import NotRefundable
from tests.bus_fixture import Bus


def pay(payment_id: str = "p-1") -> Event:
    return services.complete_payment(
        7,
        Decimal("29.00"),
        "subscription",
        plan="pro",
        method="card",
        payment_id=payment_id,
        metadata={"synthetic": True},
    )


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def test_a_payment_is_kept_and_said_together(bus: Bus) -> None:
    said = pay()

    assert bus.events() == [said]
    assert (said.entity_id, said.data["amount"], said.synthetic) == ("p-1", "29.00", True)
    row = Payment.objects.get()
    assert (row.pk, row.user_id, row.amount, row.plan) == ("p-1", 7, Decimal(29), "pro")
    assert row.paid_at == said.occurred_at


def test_a_caller_that_does_not_tell_how_it_was_paid_says_the_first_version(bus: Bus) -> None:
    said = services.complete_payment(7, Decimal("29.00"), "purchase")

    assert (said.event_version, "method" in said.data) == (1, False)
    assert (pay().event_version, pay("p-2").data["method"]) == (2, "card")


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (lambda: services.complete_payment(7, Decimal(1), "purchase", method="shells"), "method"),
        (lambda: services.complete_payment(7, Decimal(0), "purchase"), "amount"),
        (lambda: services.complete_payment(7, 29.9, "purchase"), "amount"),  # type: ignore[arg-type]
        (lambda: services.complete_payment(7, Decimal(29), "subscription"), "plan"),
    ],
)
def test_what_cannot_be_said_is_not_done(
    bus: Bus, refused: Callable[[], Event], field: str
) -> None:
    with pytest.raises(InvalidEvent, match=rf"data\.{field}"):
        refused()

    assert not Payment.objects.exists()
    assert bus.events() == []


def test_a_payment_that_cannot_be_published_is_not_kept(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        pay()
    assert not Payment.objects.exists()


def test_a_payment_whose_id_is_taken_is_neither_kept_nor_said(bus: Bus) -> None:
    pay()

    with pytest.raises(IntegrityError):
        pay()
    assert (Payment.objects.count(), len(bus.events())) == (1, 1)


def test_a_refund_gives_back_the_whole_payment(bus: Bus) -> None:
    pay()

    said = services.refund_payment("p-1", "Unhappy", metadata={"synthetic": True})

    assert said.data == {
        "payment_id": "p-1",
        "user_id": 7,
        "amount": "29.00",
        "currency": "USD",
        "reason": "Unhappy",
    }
    assert said.synthetic
    assert bus.events()[-1] == said
    assert Payment.objects.get().refunded_at == said.occurred_at


@pytest.mark.parametrize("payment_id", ["p-1", "p-unknown"])
def test_only_a_payment_not_yet_given_back_can_be(bus: Bus, payment_id: str) -> None:
    pay()
    services.refund_payment("p-1", "Unhappy")

    with pytest.raises(NotRefundable, match=payment_id):
        services.refund_payment(payment_id, "Unhappy")
    assert len(bus.events("Financial.PaymentRefunded")) == 1


def test_a_refund_that_cannot_be_published_gives_nothing_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay()
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        services.refund_payment("p-1", "Unhappy")
    assert Payment.objects.get().refunded_at is None


def test_a_payment_and_its_refund_begin_and_end_a_subscription(bus: Bus) -> None:
    pay()
    bus.drain()
    services.refund_payment("p-1", "Unhappy")
    bus.drain()

    subscription = [e.event_type for e in bus.events() if "Subscription" in e.event_type]
    assert subscription == ["Financial.SubscriptionCreated", "Financial.SubscriptionCancelled"]
    assert bus.dead_letters() == []
