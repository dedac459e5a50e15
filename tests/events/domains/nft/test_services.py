"""What one can do in the NFT domain, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from events import Event, InvalidEvent
from events.domains.nft import services
from events.domains.nft.models import Listing, Reward, Token
from events.domains.nft.services import NotClaimable, NotForSale
from events.envelope import now
from tests.bus_fixture import Bus


@pytest.fixture
def reward(bus: Bus) -> Reward:
    """A reward that was given to user 7 and waits to be claimed."""
    return Reward.objects.create(
        reward_id="r-1", user_id=7, name="Level 2 Newcomer", kind="level", given_at=now()
    )


@pytest.fixture
def token(bus: Bus) -> Token:
    """A token of user 7."""
    return Token.objects.create(token_id="t-1", name="Level 2 Newcomer", owner_id=7)


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def test_a_claim_is_kept_and_said_together(bus: Bus, reward: Reward) -> None:
    said = services.claim_reward("r-1", 7, metadata={"synthetic": True})

    assert bus.events() == [said]
    assert (said.data, said.synthetic) == ({"reward_id": "r-1", "user_id": 7}, True)
    reward.refresh_from_db()
    assert reward.claimed_at == said.occurred_at


@pytest.mark.parametrize(("reward_id", "user_id"), [("r-1", 8), ("r-2", 7)])
def test_only_ones_own_reward_can_be_claimed(
    bus: Bus, reward: Reward, reward_id: str, user_id: int
) -> None:
    with pytest.raises(NotClaimable, match=reward_id):
        services.claim_reward(reward_id, user_id)

    assert bus.events() == []


def test_a_reward_is_claimed_once_and_becomes_a_token_of_its_user(bus: Bus, reward: Reward) -> None:
    services.claim_reward("r-1", 7)
    with pytest.raises(NotClaimable, match="was claimed on"):
        services.claim_reward("r-1", 7)

    bus.drain()

    assert len(bus.events("NFT.NFTMinted")) == 1
    token = Token.objects.get()
    assert (token.owner_id, token.name) == (7, "Level 2 Newcomer")


def test_a_token_is_offered_once_by_its_owner(bus: Bus, token: Token) -> None:
    listing = services.list_token("t-1", 7, Decimal("180.00"), currency="EUR")

    assert (listing.seller_id, listing.price, listing.currency) == (7, Decimal(180), "EUR")
    with pytest.raises(NotForSale, match="already"):
        services.list_token("t-1", 7, Decimal(200))
    with pytest.raises(NotForSale, match="user 8 owns no token"):
        services.list_token("t-1", 8, Decimal(200))
    assert bus.events() == []


def test_a_sale_is_kept_and_said_together(bus: Bus, token: Token) -> None:
    services.list_token("t-1", 7, Decimal("180.00"))

    said = services.record_sale("t-1", 8, sale_id="s-1", metadata={"synthetic": True})

    assert bus.events() == [said]
    assert said.data == {
        "sale_id": "s-1",
        "token_id": "t-1",
        "seller_id": 7,
        "buyer_id": 8,
        "price": "180.00",
        "currency": "USD",
    }
    assert said.synthetic
    token.refresh_from_db()
    assert (token.owner_id, token.owned_since) == (8, said.occurred_at)
    assert Listing.objects.get().closed_at == said.occurred_at


@pytest.mark.parametrize(("token_id", "buyer_id"), [("t-1", 7), ("t-2", 8)])
def test_only_what_another_offers_can_be_bought(
    bus: Bus, token: Token, token_id: str, buyer_id: int
) -> None:
    services.list_token("t-1", 7, Decimal(180))

    with pytest.raises(NotForSale, match=token_id):
        services.record_sale(token_id, buyer_id)
    assert bus.events() == []


def test_a_sale_to_nobody_leaves_the_offer_open(bus: Bus, token: Token) -> None:
    services.list_token("t-1", 7, Decimal(180))

    with pytest.raises(InvalidEvent, match=r"data\.buyer_id"):
        services.record_sale("t-1", 0)
    assert Listing.objects.get().closed_at is None


@pytest.mark.parametrize(
    "service", [lambda: services.claim_reward("r-1", 7), lambda: services.record_sale("t-1", 8)]
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus,
    reward: Reward,
    token: Token,
    monkeypatch: pytest.MonkeyPatch,
    service: Callable[[], Event],
) -> None:
    services.list_token("t-1", 7, Decimal(180))
    before = state()
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service()
    assert state() == before


def state() -> list[dict[str, Any]]:
    return [row for model in (Reward, Token, Listing) for row in model.objects.values()]


def test_one_can_be_drawn_of_what_may_be_claimed_offered_and_bought(
    bus: Bus, reward: Reward, token: Token
) -> None:
    random = Random(1)

    assert services.some_claimable_reward(random) == reward
    assert services.some_unlisted_token(random) == token
    assert services.some_open_listing(random) is None
    listing = services.list_token("t-1", 7, Decimal(180))
    assert services.some_unlisted_token(random) is None
    assert services.some_open_listing(random) == listing
    services.claim_reward("r-1", 7)
    assert services.some_claimable_reward(random) is None


def test_the_same_seed_draws_the_same(bus: Bus) -> None:
    Token.objects.bulk_create(
        Token(token_id=f"t-{n}", owner_id=7, owned_since=now()) for n in range(50)
    )

    drawn = [[services.some_unlisted_token(random) for _ in range(5)] for random in seeded()]

    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 1


def seeded() -> list[Random]:
    return [Random(4), Random(4)]
