"""What analytics counts and records of every event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import Event
from events.domains.analytics.handlers import KEEP_METRICS, forget_old_metrics
from events.domains.analytics.models import MinuteMetric
from events.envelope import now
from events.groups import Group, groups
from events.models import StoredEvent
from events.transport.base import Append
from tests.bus_fixture import Bus

NINE = datetime(2026, 1, 15, 9, 0, 59, 999_999, tzinfo=UTC)


@pytest.fixture
def analytics(bus: Bus) -> list[Group]:
    """The two analytics groups alone, so that what they count is what the test published."""
    return [group for group in groups() if group.kind == "A"]


def trade(value: str, at: datetime = NINE, **fields: Any) -> Event:
    data = {"user_id": 7, "symbol": "STRK", "value": value, **fields}
    return Event.new("Trading.TradeExecuted", data, occurred_at=at)


def counted() -> dict[tuple[str, str, str], tuple[int, str]]:
    """By time of day, type and currency: how many and what they amounted to."""
    return {
        (f"{row.minute:%H:%M}", row.event_type, row.currency): (row.count, str(row.amount))
        for row in MinuteMetric.objects.all()
    }


def test_events_are_counted_by_type_and_minute(bus: Bus, analytics: list[Group]) -> None:
    later = NINE + timedelta(microseconds=1)
    bus.publish(trade("0.10"), trade("0.20"), trade("5", later), trade("7", currency="EUR"))

    bus.drain(analytics)

    assert counted() == {
        ("09:00", "Trading.TradeExecuted", "USD"): (2, "0.30"),
        ("09:00", "Trading.TradeExecuted", "EUR"): (1, "7.00"),
        ("09:01", "Trading.TradeExecuted", "USD"): (1, "5.00"),
    }


def test_counts_go_on_from_batch_to_batch(bus: Bus, analytics: list[Group]) -> None:
    for _ in range(3):
        bus.publish(trade("1.5"))
        bus.drain(analytics)

    assert counted() == {("09:00", "Trading.TradeExecuted", "USD"): (3, "4.50")}


def test_an_event_without_an_amount_is_counted(bus: Bus, analytics: list[Group]) -> None:
    data = {"user_id": 7, "xp": 15, "source": "trade", "reason": "Traded"}
    bus.publish(Event.new("Gamification.XPGained", data, occurred_at=NINE))

    bus.drain(analytics)

    assert counted() == {("09:00", "Gamification.XPGained", ""): (1, "0.00")}


def test_the_price_of_a_sale_is_its_amount_and_that_of_an_order_is_not(
    bus: Bus, analytics: list[Group]
) -> None:
    sale = {
        "sale_id": "s-1",
        "token_id": "t-1",
        "seller_id": 1,
        "buyer_id": 2,
        "price": "250.00",
        "currency": "USD",
    }
    order = {
        "order_id": "o-1",
        "user_id": 7,
        "symbol": "STRK",
        "side": "buy",
        "quantity": "9",
        "price": "3",
    }
    bus.publish(
        Event.new("NFT.MarketplaceSale", sale, occurred_at=NINE),
        Event.new("Trading.Order.Placed", order, occurred_at=NINE),
    )

    bus.drain(analytics)

    assert counted() == {
        ("09:00", "NFT.MarketplaceSale", "USD"): (1, "250.00"),
        ("09:00", "Trading.Order.Placed", ""): (1, "0.00"),
    }


@pytest.mark.django_db
def test_minutes_are_kept_as_long_as_the_events_they_count() -> None:
    for minute in (now(), now() - KEEP_METRICS - timedelta(minutes=1)):
        MinuteMetric.objects.create(minute=minute, event_type="Trading.TradeExecuted")

    forget_old_metrics()

    assert MinuteMetric.objects.get().minute > now() - KEEP_METRICS


def test_an_event_that_came_straight_to_the_bus_is_stored(bus: Bus, analytics: list[Group]) -> None:
    event, before = trade("10"), now()
    bus.transport.streams.append([Append(event.get_stream_name(), event.event_id, event.to_json())])

    bus.drain(analytics)

    assert bus.events() == [event]
    assert StoredEvent.objects.get().relayed_at >= before


def test_an_event_that_was_published_is_stored_once(bus: Bus, analytics: list[Group]) -> None:
    bus.publish(trade("10"))

    bus.drain(analytics)

    assert StoredEvent.objects.count() == 1
    assert MinuteMetric.objects.get().amount == Decimal(10)
