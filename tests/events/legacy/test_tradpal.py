"""TradPal's client: names in snake case, floats, and an ``await``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from events import Event, InvalidEvent
from events.adapters.tradpal import SNAKE
from events.legacy.tradpal import EventClient, EventType, publish_event
from events.registry import registry
from tests.bus_fixture import Bus

CHAIN = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972a")
CAUSE = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972b")
AT = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)
SIGNAL = {"symbol": "BTC/USDT", "action": "BUY", "confidence": 0.85}


def awaited(call: Callable[[EventClient], Awaitable[Event]], source: str | None = None) -> Event:
    """What a call of the client returns, in the test's own thread as far as SQL is concerned."""

    async def within() -> Event:
        async with EventClient(source) as client:
            return await call(client)

    return async_to_sync(within)()


def test_every_type_of_its_is_a_registered_alias() -> None:
    aliases = {alias for entry in registry.all() for alias in entry.aliases}

    assert {str(name) for name in EventType} == {one for one in aliases if SNAKE.fullmatch(one)}


@pytest.mark.parametrize("event_type", EventType)
def test_each_type_is_published_by_the_client(bus: Bus, event_type: EventType) -> None:
    entry = registry.resolve(event_type)

    event = awaited(lambda client: client.publish(event_type, entry.example), "bot@1")

    assert bus.events() == [event]
    assert (event.event_type, event.producer) == (entry.name, "bot@1")


def test_all_that_is_given_beside_the_data_is_kept(bus: Bus) -> None:
    order = dict(registry.resolve("order_executed").example)
    del order["user_id"]
    beside = {
        "event_id": CAUSE,
        "timestamp": AT.timestamp(),
        "correlation_id": CHAIN,
        "causation_id": str(CAUSE),
        "source": "other@2",
        "event_version": 1,
    }

    event = awaited(
        lambda client: client.publish("order_executed", order, user_id=7, **beside), "bot@1"
    )

    assert event == Event.new(
        "Trading.OrderExecuted",
        {**order, "user_id": 7},
        event_id=CAUSE,
        occurred_at=AT,
        correlation_id=CHAIN,
        causation_id=CAUSE,
        producer="other@2",
    )


def test_its_convenient_methods_say_their_types(bus: Bus) -> None:
    held = dict(registry.resolve("portfolio_update").example)
    market = {"price": 45000.1, "volume": 1234.56}

    said = [
        awaited(lambda client: client.publish_market_data("BTC/USDT", market)),
        awaited(lambda client: client.publish_trading_signal(SIGNAL, correlation_id=CHAIN)),
        awaited(lambda client: client.publish_portfolio_update(held, source="book@1")),
    ]

    assert bus.events() == said
    assert [event.event_type for event in said] == [
        "Market.DataUpdated",
        "Trading.SignalGenerated",
        "Trading.PortfolioUpdated",
    ]
    assert said[0].data == {"symbol": "BTC/USDT", "price": "45000.1", "volume": "1234.56"}
    assert (said[1].data["action"], said[1].correlation_id) == ("buy", CHAIN)
    assert (said[2].producer, said[2].entity_id) == ("book@1", str(held["user_id"]))


def test_code_that_does_not_await_publishes_in_its_own_transaction(bus: Bus) -> None:
    with transaction.atomic():
        publish_event({"event_type": "trading_signal", "data": SIGNAL})
        transaction.set_rollback(True)
    assert bus.events() == []

    event = publish_event({"event_type": "trading_signal", "data": SIGNAL}, source="bot@1")

    assert bus.events() == [event]
    assert event.producer == "bot@1"


def test_data_as_json_text_are_taken(bus: Bus) -> None:
    held = dict(registry.resolve("portfolio_update").example)
    del held["user_id"]
    raw = {"event_type": "portfolio_update", "data": json.dumps(held)}

    assert publish_event(raw, user_id=7).data["user_id"] == 7
    with pytest.raises(InvalidEvent, match="data: holds no JSON"):
        publish_event({**raw, "data": "{"}, user_id=7)


def test_an_event_of_its_own_id_is_accepted_once(bus: Bus) -> None:
    raw = {"event_type": "trading_signal", "data": SIGNAL, "event_id": str(CAUSE)}

    assert publish_event(raw).event_id == publish_event(raw).event_id
    assert len(bus.events()) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"event_type": "trading_signl"}, "did you mean trading_signal"),
        ({"event_type": "Trading.SignalGenerated"}, "not tradpal: its event_type is not in snake"),
        ({"data": {"symbol": "BTC"}}, r"data\.action: Field required"),
        ({"data": {**SIGNAL, "signal": {}}}, r"data\.signal: Extra inputs are not permitted"),
        ({"data": None}, "data: Input should be a valid dictionary"),
        ({"correlation_id": "x"}, "correlation_id: Input should be a valid UUID"),
        ({"entity_id": "x"}, "entity_id: is no field of TradPal's events; they are event_type, "),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_published(
    bus: Bus, change: dict[str, Any], told: str
) -> None:
    raw = {"event_type": "trading_signal", "data": SIGNAL, **change}

    with pytest.raises(InvalidEvent, match=told):
        publish_event(raw)
    with pytest.raises(InvalidEvent, match=told):
        awaited(lambda client: client.publish_event(raw))

    assert bus.events() == []


def test_two_symbols_for_one_price_are_refused(bus: Bus) -> None:
    market = {"symbol": "ETH", "price": 1.5}

    with pytest.raises(InvalidEvent, match=r"data\.symbol: is 'ETH' in the payload and 'BTC'"):
        awaited(lambda client: client.publish_market_data("BTC", market))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "is nothing, not an object"),
        ([], "is a list, not an object"),
        ("trading_signal", "is a text, not an object"),
        ({}, "has no event_type and no data"),
        ({"event_type": "trading_signal"}, "has no data"),
    ],
)
def test_what_is_no_event_of_its_is_refused(bus: Bus, raw: Any, why: str) -> None:
    with pytest.raises(InvalidEvent, match=f"not tradpal: {why}"):
        publish_event(raw)
