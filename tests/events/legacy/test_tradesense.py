"""TradeSense's publisher: dotted names with their version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from events import Event, InvalidEvent
from events.legacy.tradesense import EventPublisher
from tests.bus_fixture import Bus

CHAIN = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972a")
CAUSE = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972b")
AT = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)
OPENED = "Trading.Position.Opened.v1"
POSITION = {"position_id": "p-1", "symbol": "BTC", "side": "long", "quantity": "1", "price": "2"}


def test_a_dotted_event_is_published_with_all_that_is_given(bus: Bus) -> None:
    event = EventPublisher("desk@1").publish(
        OPENED,
        POSITION,
        user_id=7,
        aggregate_id="book-3",
        correlation_id=CHAIN,
        causation_id=str(CAUSE),
        event_id=CAUSE,
        timestamp=AT.timestamp(),
        metadata={"trace": "t"},
    )

    said = Event.new(
        OPENED,
        {**POSITION, "user_id": 7},
        producer="desk@1",
        entity_id="book-3",
        correlation_id=CHAIN,
        causation_id=CAUSE,
        event_id=CAUSE,
        occurred_at=AT,
        metadata={"trace": "t"},
    )
    assert event == said
    assert bus.events() == [said]


def test_both_spellings_of_a_trade_are_one_type(bus: Bus) -> None:
    trade = {"user_id": 7, "symbol": "STRK", "value": "1.00"}

    event = EventPublisher().publish("Trading.Trade.Executed.v1", trade)

    assert event.event_type == "Trading.TradeExecuted"
    assert event.producer.startswith("trading@")


def test_an_event_that_is_an_object_already_is_published_as_it_is(bus: Bus) -> None:
    raw = {"event_type": OPENED, "payload": {**POSITION, "user_id": 7}, "event_id": str(CAUSE)}
    desk = EventPublisher("desk@1")

    first, again = desk.publish_event(raw), desk.publish_event(raw)
    other = desk.publish_event({**raw, "event_id": None, "source": "other@2"})

    assert first.event_id == again.event_id == CAUSE
    assert [event.producer for event in bus.events()] == ["desk@1", "other@2"]
    assert bus.events() == [first, other]


def test_a_payload_as_json_text_is_taken(bus: Bus) -> None:
    event = EventPublisher().publish(OPENED, json.dumps(POSITION), user_id=7)

    assert event.data["user_id"] == 7
    with pytest.raises(InvalidEvent, match="payload: holds no JSON"):
        EventPublisher().publish(OPENED, "{", user_id=7)


def test_it_is_taken_back_with_the_transaction_of_its_caller(bus: Bus) -> None:
    with transaction.atomic():
        EventPublisher().publish(OPENED, POSITION, user_id=7)
        transaction.set_rollback(True)

    assert bus.events() == []


@pytest.mark.parametrize(
    ("event_type", "given", "told"),
    [
        ("Trading.Position.Opened", {"user_id": 7}, "not dotted with a version, such as Trading"),
        ("trading_signal", {"user_id": 7}, "not tradesense: its event_type is not dotted"),
        ("Trading.Position.Opend.v1", {"user_id": 7}, "did you mean Trading.Position.Opened"),
        ("Trading.Position.Opened.v9", {"user_id": 7}, "'Trading.Position.Opened.v9' is not"),
        (OPENED, {}, r"data\.user_id: Field required"),
        (OPENED, {"user_id": 7, "correlation_id": "x"}, "correlation_id: Input should be a valid"),
        (OPENED, {"user_id": 7, "timestamp": "noon"}, "occurred_at: "),
        (OPENED, {"user_id": 7, "aggregate_id": ""}, "entity_id: "),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_published(
    bus: Bus, event_type: str, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidEvent, match=told):
        EventPublisher().publish(event_type, POSITION, **given)

    assert bus.events() == []
