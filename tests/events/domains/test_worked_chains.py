"""The two worked chains of the design, published from the files in ``docs/chains``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps

from events.envelope import Event
from events.groups import groups, readers
from events.transport.base import Redelivery
from events.validation import validated
from tests.bus_fixture import Bus

CHAINS = Path(__file__).parents[3] / "docs" / "chains"
DOMAINS = ("trading", "gamification", "social", "financial", "nft", "user", "analytics")


def trade_in(file: str) -> Event:
    """The one event a file of ``docs/chains`` holds."""
    (line,) = (CHAINS / file).read_text().splitlines()
    return validated(json.loads(line))


@pytest.fixture
def first(bus: Bus) -> Event:
    """The trade of the first chain, all its consequences handled."""
    trade = trade_in("first.ndjson")
    bus.publish(trade)
    bus.drain()
    return trade


@pytest.fixture
def second(bus: Bus) -> Event:
    """The trade of the second chain, by a user prepared as the design says; all handled."""
    trade = trade_in("second.ndjson")
    bus.publish(trade_in("prepare-second.ndjson"))
    bus.drain()
    bus.publish(trade)
    bus.drain()
    return trade


def chain_of(bus: Bus, root: Event) -> list[Event]:
    return [event for event in bus.events() if event.correlation_id == root.correlation_id]


def only_child(chain: list[Event], parent: Event, event_type: str, **data: Any) -> Event:
    """The one event of this type that the parent caused, which carries these fields."""
    (child,) = [
        event
        for event in chain
        if event.causation_id == parent.event_id and event.event_type == event_type
    ]
    assert {key: child.data.get(key) for key in data} == data
    return child


def everything_kept() -> dict[str, list[dict[str, Any]]]:
    """All rows of all domains' read models."""
    models = [model for domain in DOMAINS for model in apps.get_app_config(domain).get_models()]
    return {model.__name__: sorted(model._default_manager.values(), key=str) for model in models}


def test_the_first_chain_goes_from_a_trade_to_the_profile(bus: Bus, first: Event) -> None:
    chain = chain_of(bus, first)

    xp = only_child(chain, first, "Gamification.XPGained", user_id=123, xp=15, source="trade")
    share = only_child(chain, xp, "Social.SocialInteraction", user_id=123, kind="trade_share")
    influence = only_child(chain, share, "Social.InfluenceUpdated", user_id=123, delta=5)
    profile = only_child(chain, influence, "User.ProfileUpdated", user_id=123)
    only_child(chain, first, "Financial.RevenueRecorded", amount="1.50", source="trading_fee")

    assert profile.data["influence"] == 5
    assert profile.data["changed"] == ["influence"]
    assert bus.dead_letters() == []


def test_the_second_chain_goes_from_a_trade_to_the_title_of_level_16(
    bus: Bus, second: Event
) -> None:
    chain = chain_of(bus, second)

    xp = only_child(chain, second, "Gamification.XPGained", user_id=456, xp=50, source="trade")
    level = only_child(chain, xp, "Gamification.LevelUp", from_level=15, to_level=16)
    only_child(chain, level, "Social.FeedEntryCreated", user_id=456, kind="celebration")
    only_child(chain, level, "NFT.RewardDistributed", user_id=456, name="Level 16 Pioneer")
    profile = only_child(chain, level, "User.ProfileUpdated", user_id=456, level=16)
    only_child(chain, second, "Financial.RevenueRecorded", amount="5.00", source="trading_fee")

    assert level.data["total_xp"] == 12_025
    assert profile.data["title"] == level.data["title"]
    assert bus.dead_letters() == []


@pytest.mark.parametrize("root", ["first", "second"])
def test_whatever_else_follows_was_declared_and_is_said_once(
    bus: Bus, root: str, request: pytest.FixtureRequest
) -> None:
    trade: Event = request.getfixturevalue(root)
    chain = chain_of(bus, trade)
    by_id = {event.event_id: event for event in chain}
    caused = [event for event in chain if event is not by_id[trade.event_id]]

    said = [
        (event.causation_id, speaker(event), event.event_type, subject(event)) for event in caused
    ]
    undeclared = [
        event.event_type for event in caused if not may_follow(event, by_id[parent(event)])
    ]

    assert undeclared == []
    assert len(set(said)) == len(said) == len(chain) - 1


@pytest.mark.parametrize("root", ["first", "second"])
def test_publishing_a_trade_again_changes_nothing(
    bus: Bus, root: str, request: pytest.FixtureRequest
) -> None:
    trade: Event = request.getfixturevalue(root)
    stored, kept = bus.events(), everything_kept()

    result = bus.publish(trade)
    bus.drain()

    assert (result.accepted, result.duplicates) == ((), (trade.event_id,))
    assert bus.events() == stored
    assert everything_kept() == kept


@pytest.mark.parametrize("root", ["first", "second"])
def test_every_event_of_a_chain_handled_twice_changes_nothing(
    bus: Bus, root: str, request: pytest.FixtureRequest
) -> None:
    trade: Event = request.getfixturevalue(root)
    stored, kept = bus.events(), everything_kept()

    delivered = 0
    for event in chain_of(bus, trade):
        again = Redelivery(event.get_stream_name(), str(event.event_id), event.to_json())
        for group in readers(event.event_type):
            bus.transport.streams.redeliver(group.name, [again])
            delivered += 1

    assert bus.drain() == delivered
    assert bus.events() == stored
    assert everything_kept() == kept


def speaker(event: Event) -> str:
    """The group that said an event, as its producer names it."""
    return event.producer.partition("@")[0]


def subject(event: Event) -> str:
    return event.entity_id


def parent(event: Event) -> UUID:
    assert event.causation_id is not None
    return event.causation_id


def may_follow(event: Event, cause: Event) -> bool:
    """Whether the group that said it reads its cause and declares that it may say this."""
    (group,) = [group for group in groups() if group.name == speaker(event)]
    return cause.event_type in group.reads and event.event_type in group.says
