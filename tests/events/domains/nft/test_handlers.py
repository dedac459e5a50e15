"""What NFT makes of levels, achievements, claims, tokens and sales."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import Event
from events.domains.nft import services
from events.domains.nft.models import Listing, Reward, Token
from tests.bus_fixture import Bus
from tests.events.domains.hearing import hear, hear_again, kept

REWARDS = "nft_reward_distributors"
MARKET = "marketplace_processors"

MORNING = datetime(2026, 1, 15, 9, tzinfo=UTC)


def level_up(to_level: int = 16, title: str = "Pioneer") -> Event:
    data = {
        "user_id": 7,
        "from_level": to_level - 1,
        "to_level": to_level,
        "title": title,
        "total_xp": 12_025,
    }
    return Event.new("Gamification.LevelUp", data)


def achievement() -> Event:
    data = {"user_id": 7, "achievement": "volume_10k", "title": "Ten thousand traded"}
    return Event.new("Gamification.AchievementUnlocked", data)


def claim(reward_id: str, user_id: int = 7) -> Event:
    return Event.new("NFT.RewardClaimed", {"reward_id": reward_id, "user_id": user_id})


def minted(*, minute: int = 0) -> Event:
    data = {"token_id": "t-1", "user_id": 7, "collection": "Rewards", "name": "Level 16 Pioneer"}
    return Event.new("NFT.NFTMinted", data, occurred_at=MORNING + timedelta(minutes=minute))


def sold(seller_id: int, buyer_id: int, *, minute: int = 0, **envelope: Any) -> Event:
    data = {
        "sale_id": f"sale-{minute}",
        "token_id": "t-1",
        "seller_id": seller_id,
        "buyer_id": buyer_id,
        "price": "180.00",
    }
    at = MORNING + timedelta(minutes=minute)
    return Event.new("NFT.MarketplaceSale", data, occurred_at=at, **envelope)


@pytest.mark.parametrize(
    ("event", "name", "kind"),
    [
        (level_up(), "Level 16 Pioneer", "level"),
        (achievement(), "Ten thousand traded", "achievement"),
    ],
)
def test_a_level_and_an_achievement_are_rewarded(
    bus: Bus, event: Event, name: str, kind: str
) -> None:
    said = hear(bus, REWARDS, event)

    reward_id = f"reward-{event.event_id}"
    told = {"reward_id": reward_id, "user_id": 7, "name": name, "kind": kind}
    assert said == [("NFT.RewardDistributed", told)]
    reward = Reward.objects.get(pk=reward_id)
    assert (reward.user_id, reward.name, reward.kind) == (7, name, kind)
    assert reward.owed_at == event.occurred_at
    assert (reward.given_at is not None, reward.claimed_at) == (True, None)


def test_a_claimed_reward_is_minted_as_a_token(bus: Bus) -> None:
    reached = level_up()
    hear(bus, REWARDS, reached)
    event = claim(f"reward-{reached.event_id}")

    said = hear(bus, REWARDS, event)

    told = {
        "token_id": f"token-{event.event_id}",
        "user_id": 7,
        "collection": "Level Rewards",
        "name": "Level 16 Pioneer",
    }
    assert said == [("NFT.NFTMinted", told)]
    reward = Reward.objects.get()
    assert (reward.token_id, reward.claimed_at) == (told["token_id"], event.occurred_at)


def test_a_reward_claimed_by_two_events_is_minted_once(bus: Bus) -> None:
    reached = level_up()
    hear(bus, REWARDS, reached)
    reward_id = f"reward-{reached.event_id}"

    said = hear(bus, REWARDS, claim(reward_id), claim(reward_id))

    assert [event_type for event_type, _ in said] == ["NFT.NFTMinted"]


def test_a_reward_promised_elsewhere_to_a_user_nobody_knew_is_minted(bus: Bus) -> None:
    said = hear(bus, REWARDS, claim("gift-1", user_id=99))

    ((_, told),) = said
    assert (told["user_id"], told["collection"], told["name"]) == (99, "Rewards", "Reward gift-1")
    assert Reward.objects.get(pk="gift-1").user_id == 99


def test_the_reward_of_another_cannot_be_claimed_and_holds_up_nobody_else(bus: Bus) -> None:
    reached = level_up()
    hear(bus, REWARDS, reached)
    reward_id = f"reward-{reached.event_id}"

    said = hear(bus, REWARDS, claim(reward_id, user_id=8), claim(reward_id))

    assert [data["user_id"] for _, data in said] == [7]
    (letter,) = bus.dead_letters()
    assert letter.kind == "permanent"
    assert letter.message == f"user 8 claims {reward_id}, a reward of user 7"


def test_a_minted_token_belongs_to_the_one_it_was_minted_for(bus: Bus) -> None:
    said = hear(bus, MARKET, minted())

    assert said == [("NFT.OwnershipTransferred", {"token_id": "t-1", "to_user_id": 7})]
    token = Token.objects.get()
    assert (token.owner_id, token.name, token.collection) == (7, "Level 16 Pioneer", "Rewards")
    assert (token.minted_at, token.owned_since) == (MORNING, MORNING)


def test_a_sold_token_belongs_to_its_buyer(bus: Bus) -> None:
    hear(bus, MARKET, minted())

    said = hear(bus, MARKET, sold(7, 8, minute=5))

    told = {"token_id": "t-1", "from_user_id": 7, "to_user_id": 8}
    assert said == [("NFT.OwnershipTransferred", told)]
    assert Token.objects.get().owner_id == 8


def test_a_token_sold_before_its_minting_was_heard_of_stays_with_its_buyer(bus: Bus) -> None:
    hear(bus, MARKET, sold(7, 8, minute=5))
    hear(bus, MARKET, minted())

    token = Token.objects.get()
    assert (token.owner_id, token.name) == (8, "Level 16 Pioneer")


def test_the_latest_sale_decides_whatever_the_order_they_are_heard_in(bus: Bus) -> None:
    hear(bus, MARKET, sold(8, 9, minute=6), sold(7, 8, minute=5))

    assert Token.objects.get().owner_id == 9
    assert len(bus.events("NFT.OwnershipTransferred")) == 2


def test_a_sale_elsewhere_takes_the_token_off_the_market(bus: Bus) -> None:
    hear(bus, MARKET, minted())
    listing = services.list_token("t-1", 7, Decimal(180))
    later = (datetime.now(UTC) - MORNING) // timedelta(minutes=1) + 1

    hear(bus, MARKET, sold(7, 8, minute=later))

    listing.refresh_from_db()
    assert listing.closed_at == MORNING + timedelta(minutes=later)


def test_an_offer_the_buyer_made_since_stays_open(bus: Bus) -> None:
    hear(bus, MARKET, minted())
    services.list_token("t-1", 7, Decimal(180))
    services.record_sale("t-1", 8)
    services.list_token("t-1", 8, Decimal(250))

    bus.drain()

    assert Listing.objects.get(closed_at=None).seller_id == 8
    assert Token.objects.get().owner_id == 8


@pytest.mark.parametrize(
    ("group", "event"),
    [
        (REWARDS, level_up()),
        (REWARDS, claim("gift-1")),
        (MARKET, minted()),
        (MARKET, sold(7, 8)),
    ],
)
def test_delivered_twice_changes_nothing(bus: Bus, group: str, event: Event) -> None:
    assert hear(bus, group, event)
    rows, stored = kept("nft"), bus.events()

    assert hear_again(bus, group, event) == 1
    assert kept("nft") == rows
    assert bus.events() == stored
