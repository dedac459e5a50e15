"""AstraTrade's old helpers: what they are called with arrives as a registered event."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from events import Event, InvalidEvent, UnknownType, publish
from events.legacy import astratrade
from events.legacy.astratrade import (
    DomainEvent,
    EventPublishingMixin,
    TradingEventPublisher,
    event_from,
    publish_domain_event,
)
from events.registry import registry
from tests.bus_fixture import Bus

CHAIN = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972a")
CAUSE = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972b")
AT = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)

CREATED: dict[str, tuple[Callable[..., Event], dict[str, Any]]] = {
    "Gamification.XPGained": (
        astratrade.create_xp_gained_event,
        {"user_id": 7, "xp": 15, "source": "trade", "reason": "Traded STRK"},
    ),
    "Gamification.LevelUp": (
        astratrade.create_level_up_event,
        {"user_id": 7, "from_level": 1, "to_level": 2, "title": "Pilot", "total_xp": 120},
    ),
    "Gamification.AchievementUnlocked": (
        astratrade.create_achievement_unlocked_event,
        {"user_id": 7, "achievement": "first_trade", "title": "First trade"},
    ),
    "Gamification.StreakUpdated": (
        astratrade.create_streak_updated_event,
        {"user_id": 7, "days": 4, "day": date(2026, 1, 15)},
    ),
    "Gamification.LeaderboardUpdated": (
        astratrade.create_leaderboard_updated_event,
        {"board": "daily", "user_id": 7, "rank": 7, "previous_rank": 12, "score": 340},
    ),
}


@dataclass
class XPGainedEvent(DomainEvent):
    user_id: int
    xp: int
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class LevelUpEvent:
    """One with a base of its own, as old code may have it."""

    event_id: str
    occurred_at: datetime
    user_id: int
    from_level: int
    to_level: int
    title: str
    total_xp: int
    event_version: int = 1


class Payments(EventPublishingMixin):
    event_domain = "Financial"
    event_producer = "payments@2.1"

    def pay(self, event_type: str = "PaymentCompleted", **more: Any) -> Event:
        data = {"payment_id": "p-1", "amount": Decimal("29.00"), "purpose": "purchase"}
        return self._emit_event(event_type, {**data, "method": "card"}, **more)


@pytest.mark.parametrize("name", CREATED)
def test_a_helper_makes_the_event_of_its_name_and_publishes_nothing(name: str, bus: Bus) -> None:
    create, given = CREATED[name]

    event = create(
        **given,
        correlation_id=CHAIN,
        causation_id=str(CAUSE),
        entity_id="user-7",
        producer="game@1",
        event_id=str(CAUSE),
        occurred_at="2026-01-15T12:30:00",
        metadata={"trace": "00-abc-01"},
    )

    said = Event.new(
        name,
        given,
        correlation_id=CHAIN,
        causation_id=CAUSE,
        entity_id="user-7",
        producer="game@1",
        event_id=CAUSE,
        occurred_at=AT,
        metadata={"trace": "00-abc-01"},
    )
    assert event == said
    assert bus.events() == []
    publish(event)
    assert bus.events() == [said]


def test_every_type_of_gamification_has_a_helper() -> None:
    assert set(CREATED) == {one.name for one in registry.all() if one.domain == "gamification"}
    helpers = inspect.getmembers(astratrade, inspect.isfunction)
    named = {found for name, found in helpers if name.startswith("create_")}
    assert named == {create for create, _ in CREATED.values()}


def test_a_helper_refuses_what_its_type_refuses() -> None:
    with pytest.raises(InvalidEvent) as refused:
        astratrade.create_xp_gained_event(7, 0, "login", "x")
    assert {one.field for one in refused.value.problems} == {"data.xp", "data.source"}

    with pytest.raises(InvalidEvent, match="correlation_id: Input should be a valid UUID"):
        astratrade.create_xp_gained_event(7, 1, "trade", "x", correlation_id="req-42")


def test_what_a_cause_brings_is_carried_on() -> None:
    cause = Event.new(
        "Trading.TradeExecuted",
        {"user_id": 7, "symbol": "STRK", "value": "1500.00"},
        metadata={"synthetic": True, "trace": "00-abc-01", "desk": 3, "depth": 2},
    )

    event = astratrade.create_xp_gained_event(
        7, 15, "trade", "x", caused_by=cause, metadata={"actor": "job"}
    )

    assert (event.correlation_id, event.causation_id) == (cause.correlation_id, cause.event_id)
    assert event.metadata == {"synthetic": True, "trace": "00-abc-01", "depth": 3, "actor": "job"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"correlation_id": CHAIN}, "correlation_id: comes from caused_by; give one of the two"),
        ({"causation_id": CHAIN}, "causation_id: comes from caused_by; give one of the two"),
        ({"metadata": [1]}, "metadata: is a list; give a mapping"),
        ({"caused_by": {}}, "caused_by: is a dict; give the Event it follows from"),
        ({"user": 7}, "user: Extra inputs are not permitted"),
    ],
)
def test_what_is_given_wrongly_beside_a_payload_is_named(given: dict[str, Any], told: str) -> None:
    cause = Event.new("Trading.TradeExecuted", {"user_id": 7, "symbol": "S", "value": "1"})

    with pytest.raises(InvalidEvent, match=told):
        astratrade.create_xp_gained_event(7, 15, "trade", "x", **{"caused_by": cause, **given})


def test_an_event_of_the_first_schema_is_published_once_under_its_own_id(bus: Bus) -> None:
    old = XPGainedEvent(7, 15, "trade", "Traded STRK", correlation_id=CHAIN, causation_id=CAUSE)

    first, again = publish_domain_event(old), publish_domain_event(old)

    assert first == again == old.to_event()
    assert bus.events() == [first]
    assert (first.event_type, first.event_id) == ("Gamification.XPGained", old.event_id)
    assert (first.occurred_at, first.correlation_id) == (old.occurred_at, CHAIN)
    assert (first.causation_id, first.entity_id) == (CAUSE, "7")
    assert first.data == {"user_id": 7, "xp": 15, "source": "trade", "reason": "Traded STRK"}


def test_an_event_with_a_base_of_its_own_is_converted_as_it_is() -> None:
    event = event_from(LevelUpEvent(str(CHAIN), AT.replace(tzinfo=None), 7, 1, 2, "Pilot", 120))

    assert (event.event_type, event.event_id) == ("Gamification.LevelUp", CHAIN)
    assert (event.occurred_at, event.event_version) == (AT, 1)
    assert event.data == CREATED["Gamification.LevelUp"][1]


def test_an_object_that_writes_itself_is_converted_by_what_it_writes() -> None:
    class Enhanced:
        def to_dict(self) -> dict[str, Any]:
            data = {"user_id": 7, "symbol": "STRK", "value": "1.00"}
            return {
                "event_type": "TradeExecuted",
                "domain": "Trading",
                "producer": "desk@1",
                "metadata": {"trace": "t"},
                "data": data,
            }

    class NFTMintedEvent:
        domain = "NFT"

        def __init__(self) -> None:
            self.nft_id, self.user_id, self.name = "nft-1", 7, "Pioneer"
            self._cache = object()

    event = event_from(Enhanced())
    assert (event.event_type, event.producer) == ("Trading.TradeExecuted", "desk@1")
    assert (event.data["value"], event.metadata) == ("1.00", {"trace": "t"})
    with pytest.raises(InvalidEvent, match=r"NFT\.NFTMinted") as refused:
        event_from(NFTMintedEvent())
    assert all(one.field.startswith("data.") for one in refused.value.problems)


@pytest.mark.parametrize("old", [None, 7, "text", {"event_type": "XPGainedEvent"}, XPGainedEvent])
def test_what_is_no_event_of_the_first_schema_is_refused(old: Any) -> None:
    with pytest.raises(InvalidEvent, match="give an object of a class such as XPGainedEvent"):
        event_from(old)


def test_data_of_an_old_event_that_are_no_mapping_are_refused() -> None:
    class Odd:
        def to_dict(self) -> dict[str, Any]:
            return {"event_type": "XPGained", "data": [1]}

    with pytest.raises(InvalidEvent, match="data: is a list; give a mapping of payload fields"):
        event_from(Odd())


@pytest.mark.parametrize(
    ("spelling", "version"),
    [
        ("PaymentCompleted", 2),
        ("payment_completed", 2),
        ("Financial.PaymentCompleted", 2),
        ("PaymentCompleted.v2", 2),
    ],
)
def test_a_service_says_a_type_as_its_domain_spells_it(
    bus: Bus, spelling: str, version: int
) -> None:
    event = Payments().pay(
        spelling,
        user_id=7,
        correlation_id=CHAIN,
        causation_id=CAUSE,
        entity_id="order-9",
        occurred_at=AT.timestamp(),
    )

    assert bus.events() == [event]
    assert (event.event_type, event.event_version) == ("Financial.PaymentCompleted", version)
    assert (event.data["user_id"], event.producer) == (7, "payments@2.1")
    assert (event.correlation_id, event.causation_id) == (CHAIN, CAUSE)
    assert (event.entity_id, event.occurred_at) == ("order-9", AT)


def test_a_service_without_a_domain_of_its_own_names_types_in_full(bus: Bus) -> None:
    class Desk(EventPublishingMixin):
        pass

    signal = {"symbol": "BTC", "action": "buy", "confidence": 0.5}

    assert Desk().publish_event("trading_signal", signal).event_type == "Trading.SignalGenerated"
    assert Payments().publish_event("trading_signal", signal).producer == "payments@2.1"
    with pytest.raises(UnknownType, match="'SignalGenerated' is not a registered event type"):
        Desk().publish_event("SignalGenerated", signal)


def test_what_a_service_says_is_taken_back_with_its_transaction(bus: Bus) -> None:
    with transaction.atomic():
        Payments().pay(user_id=7)
        transaction.set_rollback(True)

    assert bus.events() == []


@pytest.mark.parametrize(
    ("event_type", "given", "told"),
    [
        (
            "PaymentComplete",
            {"user_id": 7},
            r"'Financial\.PaymentComplete' is not .*; did you mean Financial\.PaymentCompleted",
        ),
        ("PaymentCompleted.v9", {"user_id": 7}, r"'Financial\.PaymentCompleted\.v9' is not"),
        ("Trading.TradeExecuted", {"user_id": 7}, r"data\.symbol: Field required"),
        ("PaymentCompleted", {}, r"data\.user_id: Field required"),
        (None, {"user_id": 7}, "event_type"),
    ],
)
def test_a_service_is_told_what_is_wrong_and_nothing_is_said(
    bus: Bus, event_type: Any, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidEvent, match=told):
        Payments().pay(event_type, **given)

    assert bus.events() == []


def test_data_as_json_text_are_taken(bus: Bus) -> None:
    text = '{"payment_id": "p-1", "amount": "1", "purpose": "purchase", "method": "card"}'

    assert Payments()._emit_event("PaymentCompleted", text, user_id=7).data["user_id"] == 7
    with pytest.raises(InvalidEvent, match="data: is JSON text of a list"):
        Payments()._emit_event("PaymentCompleted", "[]")


def test_two_users_for_one_event_are_refused(bus: Bus) -> None:
    data = {"payment_id": "p-1", "user_id": 7, "amount": "1", "purpose": "purchase"}
    paid = {**data, "method": "card"}

    with pytest.raises(InvalidEvent, match=r"data\.user_id: is 7 in the payload and 8 beside it"):
        Payments()._emit_event("PaymentCompleted", paid, user_id=8)

    assert Payments()._emit_event("PaymentCompleted", paid, user_id=7).data["user_id"] == 7


def test_of_two_long_values_no_more_is_told_than_shows_the_difference(bus: Bus) -> None:
    said: Any = "\n" + "x" * 100_000

    with pytest.raises(InvalidEvent) as refused:
        Payments()._emit_event("PaymentCompleted", {"user_id": said}, user_id=8)

    assert str(refused.value).isprintable()
    assert str(refused.value).endswith("… (100,001 characters) in the payload and 8 beside it; "
                                       "give one of the two")  # fmt: skip


def test_what_is_no_old_event_is_told_on_one_short_line() -> None:
    with pytest.raises(InvalidEvent) as refused:
        event_from({"xp\n": ["x" * 100_000]})

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 250


def test_trading_says_its_three_types_in_full(bus: Bus) -> None:
    desk = TradingEventPublisher("desk@3")
    trade = {"trade_id": "t-1", "side": "sell", "quantity": "2", "price": "750.00"}

    said = [
        desk.publish_trade_executed(7, "STRK", Decimal("1500.00"), **trade, correlation_id=CHAIN),
        desk.publish_trading_rewards_calculated(7, "0.75", trade_id="t-1", currency="EUR"),
        desk.publish_clan_battle_score_updated("battle-1", "clan-1", 7, 15, entity_id="b"),
    ]

    assert bus.events() == said
    assert [event.event_type for event in said] == [
        "Trading.TradeExecuted",
        "Trading.TradingRewardsCalculated",
        "Trading.ClanBattleScoreUpdated",
    ]
    user = {"user_id": 7}
    assert said[0].data == {
        **user, "symbol": "STRK", "value": "1500.00", **trade, "currency": "USD",
    }  # fmt: skip
    assert said[1].data == {**user, "reward": "0.75", "trade_id": "t-1", "currency": "EUR"}
    assert said[2].data == {**user, "battle_id": "battle-1", "clan_id": "clan-1", "points": 15}
    assert {event.producer for event in said} == {"desk@3"}
    assert (said[0].correlation_id, said[2].entity_id) == (CHAIN, "b")


def test_a_float_for_money_is_refused(bus: Bus) -> None:
    with pytest.raises(InvalidEvent, match=r"data\.value: send money as a string"):
        TradingEventPublisher().publish_trade_executed(7, "STRK", 1500.0)  # type: ignore[arg-type]

    assert bus.events() == []


def test_what_follows_in_another_domain_is_in_the_chain_of_its_cause(bus: Bus) -> None:
    desk = TradingEventPublisher("desk@3")
    trade = desk.publish_trade_executed(7, "STRK", "1500.00")

    revenue = {"source": "trading_fee", "amount": "1.50", "currency": "USD"}
    example = dict(registry.resolve("Financial.RevenueRecorded").example)
    event = desk.publish_consequence(trade, "Financial.RevenueRecorded", {**example, **revenue})

    assert bus.events() == [trade, event]
    assert (event.correlation_id, event.causation_id) == (trade.correlation_id, trade.event_id)
    assert (event.domain, event.depth) == ("financial", 1)


def test_what_follows_from_a_trade_is_said_by_the_groups_as_for_any_other(bus: Bus) -> None:
    trade = TradingEventPublisher().publish_trade_executed(7, "STRK", "1500.00")

    bus.drain()

    (gained,) = bus.events("Gamification.XPGained")
    assert (gained.causation_id, gained.data["xp"]) == (trade.event_id, 15)
