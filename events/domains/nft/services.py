"""What one can do in the NFT domain; each writes its rows and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

from django.db import models, transaction

from events import AstraError, Event, publish
from events.domains.nft.models import Listing, Reward, Token

NEWEST = 200
"""From so many of the newest rows one is drawn: a bounded read, whatever there is."""

Row = TypeVar("Row", bound=models.Model)


class NotClaimable(AstraError):
    """The caller must act: the reward is not theirs, or was claimed before."""


class NotForSale(AstraError):
    """The caller must act: the token is not theirs to sell, or nobody offers it."""


def claim_reward(
    reward_id: str, user_id: int, *, metadata: Mapping[str, Any] | None = None
) -> Event:
    """Claim a reward that was given to this user. Returns the published event.

    Raises NotClaimable.
    """
    with transaction.atomic():
        reward = Reward.objects.select_for_update().filter(pk=reward_id, user_id=user_id).first()
        if reward is None:
            raise NotClaimable(f"user {user_id} was given no reward {reward_id!r}")
        if reward.claimed_at is not None:
            raise NotClaimable(f"{reward_id} was claimed on {reward.claimed_at:%Y-%m-%d}")
        said = {"reward_id": reward_id, "user_id": user_id}
        event = Event.new("NFT.RewardClaimed", said, metadata=metadata)
        reward.claimed_at = event.occurred_at
        reward.save(update_fields=["claimed_at"])
        publish(event)
    return event


def list_token(token_id: str, seller_id: int, price: Decimal, *, currency: str = "USD") -> Listing:
    """Offer a token on the marketplace. Nothing is said: an offer is no event of any vocabulary.

    Raises NotForSale when the seller does not own it or it is offered already.
    """
    with transaction.atomic():
        token = Token.objects.select_for_update().filter(pk=token_id, owner_id=seller_id).first()
        if token is None:
            raise NotForSale(f"user {seller_id} owns no token {token_id!r}")
        if Listing.objects.filter(token_id=token_id, closed_at=None).exists():
            raise NotForSale(f"{token_id} is on the marketplace already")
        return Listing.objects.create(
            token_id=token_id,
            seller_id=seller_id,
            price=price,
            currency=currency,
            listed_at=datetime.now(UTC),
        )


def record_sale(
    token_id: str,
    buyer_id: int,
    *,
    sale_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Sell a token that is on the marketplace at the price asked. Returns the published event.

    The buyer owns it at once. Raises NotForSale when nobody offers it or the buyer does.
    """
    with transaction.atomic():
        # The token before its offers, as the group does: who locks in one order never deadlocks.
        token = Token.objects.select_for_update().filter(pk=token_id).first()
        offer = (
            Listing.objects.select_for_update().filter(token_id=token_id, closed_at=None).first()
        )
        if token is None or offer is None or offer.seller_id == buyer_id:
            raise NotForSale(f"nobody offers {token_id!r} to user {buyer_id}")
        said = {
            "sale_id": sale_id or f"sale-{uuid4()}",
            "token_id": token_id,
            "seller_id": offer.seller_id,
            "buyer_id": buyer_id,
            "price": offer.price,
            "currency": offer.currency,
        }
        event = Event.new("NFT.MarketplaceSale", said, metadata=metadata)
        offer.closed_at = event.occurred_at
        offer.save(update_fields=["closed_at"])
        token.belongs_to(buyer_id, event.occurred_at)
        token.save(update_fields=["owner_id", "owned_since"])
        publish(event)
    return event


def some_claimable_reward(random: Random) -> Reward | None:
    """One of the newest rewards that wait to be claimed, or None."""
    waiting = Reward.objects.filter(claimed_at=None, given_at__isnull=False)
    return _one_of(waiting.order_by("-given_at"), random)


def some_unlisted_token(random: Random) -> Token | None:
    """One of the tokens that changed hands last and nobody offers, or None."""
    offers = Listing.objects.filter(token_id=models.OuterRef("pk"), closed_at=None)
    owned = Token.objects.filter(~models.Exists(offers), owner_id__gt=0)
    return _one_of(owned.order_by("-owned_since"), random)


def some_open_listing(random: Random) -> Listing | None:
    """One of the newest offers, or None."""
    return _one_of(Listing.objects.filter(closed_at=None).order_by("-listed_at"), random)


def _one_of(rows: models.QuerySet[Row], random: Random) -> Row | None:
    newest = list(rows[:NEWEST])
    return random.choice(newest) if newest else None
