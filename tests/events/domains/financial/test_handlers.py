"""What financial makes of trades, sales, payments and breached limits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import Event
from events.domains.financial.models import (
    ComplianceFinding,
    RevenueEntry,
    Subscription,
    SubscriptionPayment,
)
from tests.bus_fixture import Bus
from tests.events.domains.hearing import hear, hear_again, kept

REVENUE = "revenue_trackers"
SUBSCRIPTIONS = "subscription_processors"
COMPLIANCE = "financial_compliance"

FIRST_DAY = datetime(2026, 1, 15, 9, tzinfo=UTC)
PRO = "subscription-7-pro"


def trade(value: str, **more: Any) -> Event:
    data = {"user_id": 7, "symbol": "STRK", "value": value, **more}
    return Event.new("Trading.TradeExecuted", data)


def payment(payment_id: str = "p-1", *, day: int = 0, **more: Any) -> Event:
    data = {
        "payment_id": payment_id,
        "user_id": 7,
        "amount": "29.00",
        "purpose": "subscription",
        "plan": "pro",
        **more,
    }
    at = FIRST_DAY + timedelta(days=day)
    return Event.new("Financial.PaymentCompleted.v1", data, occurred_at=at)


def refund(payment_id: str = "p-1", *, day: int = 1) -> Event:
    data = {"payment_id": payment_id, "user_id": 7, "amount": "29.00", "reason": "Unhappy"}
    at = FIRST_DAY + timedelta(days=day)
    return Event.new("Financial.PaymentRefunded", data, occurred_at=at)


def breach() -> Event:
    data = {"user_id": 7, "limit": "single_trade", "value": "140000.00", "maximum": "100000"}
    return Event.new("Risk.Limit.Breached", data)


def test_a_trade_earns_its_fee_once(bus: Bus) -> None:
    event = trade("1500.00", trade_id="trade-1")

    said = hear(bus, REVENUE, event)

    told = {
        "user_id": 7,
        "amount": "1.50",
        "currency": "USD",
        "source": "trading_fee",
        "reference": "trade-1",
    }
    assert said == [("Financial.RevenueRecorded", told)]
    entry = RevenueEntry.objects.get()
    assert (entry.pk, entry.amount, entry.reference) == (
        event.event_id,
        Decimal("1.50"),
        "trade-1",
    )


def test_a_trade_without_an_id_is_referred_to_by_its_event(bus: Bus) -> None:
    event = trade("5000.00")

    ((_, told),) = hear(bus, REVENUE, event)

    assert (told["amount"], told["reference"]) == ("5.00", str(event.event_id))


def test_a_tiny_trade_has_its_row_in_the_ledger_too(bus: Bus) -> None:
    ((_, told),) = hear(bus, REVENUE, trade("4.99"))

    assert told["amount"] == "0.00"
    assert RevenueEntry.objects.get().amount == 0


def test_sales_and_subscriptions_earn_as_well(bus: Bus) -> None:
    sale = {"sale_id": "s-1", "token_id": "t-1", "seller_id": 8, "buyer_id": 9, "price": "180"}
    paid = {"subscription_id": PRO, "user_id": 7, "plan": "pro", "amount": "29.00"}
    paid["period_end"] = "2026-02-14"

    hear(
        bus,
        REVENUE,
        Event.new("NFT.MarketplaceSale", sale),
        Event.new("Financial.SubscriptionCreated", paid),
        Event.new("Financial.SubscriptionRenewed", paid),
    )

    entries = RevenueEntry.objects.order_by("earned_at").values_list("user_id", "source", "amount")
    assert list(entries) == [
        (8, "marketplace_fee", Decimal("4.50")),
        (7, "subscription", Decimal(29)),
        (7, "subscription", Decimal(29)),
    ]


def test_the_ledger_adds_up_to_the_cent_over_many_trades(bus: Bus) -> None:
    values = [f"{n}.{n % 100:02}" for n in range(1, 200)]

    hear(bus, REVENUE, *(trade(value) for value in values))

    fees = [(Decimal(v) / 1000).quantize(Decimal("0.01")) for v in values]
    assert sum(RevenueEntry.objects.values_list("amount", flat=True)) == sum(fees)
    assert RevenueEntry.objects.count() == len(values)


def test_the_first_payment_begins_a_subscription_of_a_user_nobody_knew(bus: Bus) -> None:
    said = hear(bus, SUBSCRIPTIONS, payment())

    told = {
        "subscription_id": PRO,
        "user_id": 7,
        "plan": "pro",
        "amount": "29.00",
        "currency": "USD",
        "period_end": "2026-02-14",
    }
    assert said == [("Financial.SubscriptionCreated", told)]
    row = Subscription.objects.get()
    assert (row.pk, row.user_id, row.plan, row.active) == (PRO, 7, "pro", True)


@pytest.mark.parametrize(
    ("day", "period_end"),
    [(20, "2026-03-16"), (40, "2026-03-26")],
    ids=["early, so added to what is left", "late, so from that day"],
)
def test_a_further_payment_renews_it(bus: Bus, day: int, period_end: str) -> None:
    hear(bus, SUBSCRIPTIONS, payment())

    said = hear(bus, SUBSCRIPTIONS, payment("p-2", day=day))

    ((event_type, told),) = said
    assert (event_type, told["period_end"]) == ("Financial.SubscriptionRenewed", period_end)
    assert Subscription.objects.get().period_end == date.fromisoformat(period_end)


def test_plans_and_users_are_apart(bus: Bus) -> None:
    payments = [payment(), payment("p-2", plan="team"), payment("p-3", user_id=8)]

    said = hear(bus, SUBSCRIPTIONS, *payments)

    assert {event_type for event_type, _ in said} == {"Financial.SubscriptionCreated"}
    assert set(Subscription.objects.values_list("user_id", "plan")) == {
        (7, "pro"),
        (7, "team"),
        (8, "pro"),
    }


def test_a_payment_told_of_by_two_events_counts_once(bus: Bus) -> None:
    said = hear(bus, SUBSCRIPTIONS, payment(), payment())

    assert [event_type for event_type, _ in said] == ["Financial.SubscriptionCreated"]
    assert Subscription.objects.get().period_end == date(2026, 2, 14)


def test_a_purchase_begins_no_subscription(bus: Bus) -> None:
    assert hear(bus, SUBSCRIPTIONS, payment(purpose="purchase", plan=None)) == []
    assert not Subscription.objects.exists()


def test_a_refund_ends_the_subscription_it_had_paid_for(bus: Bus) -> None:
    hear(bus, SUBSCRIPTIONS, payment())

    said = hear(bus, SUBSCRIPTIONS, refund())

    told = {
        "subscription_id": PRO,
        "user_id": 7,
        "plan": "pro",
        "reason": "Its payment was refunded: Unhappy",
    }
    assert said == [("Financial.SubscriptionCancelled", told)]
    row = Subscription.objects.get()
    assert (row.active, row.period_end) == (False, date(2026, 1, 16))


def test_a_refund_told_of_by_two_events_ends_it_once(bus: Bus) -> None:
    hear(bus, SUBSCRIPTIONS, payment())

    assert len(hear(bus, SUBSCRIPTIONS, refund(), refund())) == 1


def test_a_refund_of_an_earlier_period_leaves_the_running_one_alone(bus: Bus) -> None:
    hear(bus, SUBSCRIPTIONS, payment(), payment("p-2", day=30))

    assert hear(bus, SUBSCRIPTIONS, refund("p-1", day=31)) == []
    assert Subscription.objects.get().active


def test_a_refund_that_overtakes_its_payment_lets_it_begin_nothing(bus: Bus) -> None:
    assert hear(bus, SUBSCRIPTIONS, refund()) == []

    assert hear(bus, SUBSCRIPTIONS, payment()) == []
    assert not Subscription.objects.get().active
    assert SubscriptionPayment.objects.get().subscription_id == PRO


def test_a_subscription_that_ended_can_begin_again(bus: Bus) -> None:
    hear(bus, SUBSCRIPTIONS, payment())
    hear(bus, SUBSCRIPTIONS, refund())

    ((event_type, told),) = hear(bus, SUBSCRIPTIONS, payment("p-2", day=10))

    assert event_type == "Financial.SubscriptionCreated"
    assert (told["subscription_id"], told["period_end"]) == (PRO, "2026-02-24")


@pytest.mark.parametrize(
    ("event", "rule", "severity", "amount"),
    [
        (payment(amount="12500.00"), "large_payment", "medium", "12500.00"),
        (
            Event.new(
                "Financial.RevenueRecorded",
                {"user_id": 7, "amount": "1197.50", "source": "trading_fee", "reference": "t-1"},
            ),
            "large_revenue",
            "low",
            "1197.50",
        ),
        (breach(), "limit_breach", "medium", "140000.00"),
    ],
)
def test_what_stands_out_is_found(
    bus: Bus, event: Event, rule: str, severity: str, amount: str
) -> None:
    said = hear(bus, COMPLIANCE, event)

    told = {
        "finding_id": f"{rule}-{event.event_id}",
        "user_id": 7,
        "rule": rule,
        "severity": severity,
        "amount": amount,
    }
    assert said == [("Financial.ComplianceFindingRaised", told)]
    row = ComplianceFinding.objects.get(pk=told["finding_id"])
    assert (row.user_id, row.amount, row.event_id) == (7, Decimal(amount), event.event_id)


def test_nothing_is_found_in_an_ordinary_payment(bus: Bus) -> None:
    assert hear(bus, COMPLIANCE, payment()) == []
    assert not ComplianceFinding.objects.exists()


@pytest.mark.parametrize(
    ("group", "event"),
    [(REVENUE, trade("1500.00")), (SUBSCRIPTIONS, payment()), (COMPLIANCE, breach())],
)
def test_delivered_twice_changes_nothing(bus: Bus, group: str, event: Event) -> None:
    assert hear(bus, group, event)
    rows, stored = kept("financial"), bus.events()

    assert hear_again(bus, group, event) == 1
    assert kept("financial") == rows
    assert bus.events() == stored
