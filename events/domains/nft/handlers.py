"""What NFT does when it hears of levels, achievements, claims, tokens and sales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from events import Context, Event, Reject, handles
from events.domains.nft.models import Listing, Reward, Token
from events.domains.rows import add, locked, save

MINTED = "NFT.NFTMinted"
SOLD = "NFT.MarketplaceSale"
LEVEL_UP = "Gamification.LevelUp"

COLLECTIONS = {"level": "Level Rewards", "achievement": "Achievement Rewards", "": "Rewards"}
"""Collection a claimed reward is minted in, by its kind."""


@handles(
    LEVEL_UP,
    "Gamification.AchievementUnlocked",
    group="nft_reward_distributors",
    batch=True,
    always_says=["NFT.RewardDistributed"],
)
def give_rewards(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Give a reward for each level and achievement; it waits to be claimed."""
    rewards = []
    for event, context in zip(events, contexts, strict=True):
        told = context.payload
        if event.event_type == LEVEL_UP:
            kind, name = "level", f"Level {told.to_level} {told.title}"
        else:
            kind, name = "achievement", told.title
        said = {
            "reward_id": f"reward-{event.event_id}",
            "user_id": told.user_id,
            "name": name,
            "kind": kind,
        }
        context.caused("NFT.RewardDistributed", said)
        rewards.append(Reward(owed_at=event.occurred_at, given_at=datetime.now(UTC), **said))
    add(rewards)


@handles("NFT.RewardClaimed", group="nft_reward_distributors", batch=True, says=[MINTED])
def mint_claimed(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Mint a claimed reward as a token of the one who claimed it; once, however often claimed.

    A reward nobody heard of was promised elsewhere: it is minted too. Claiming the reward of
    another user is rejected.
    """
    rewards = locked(Reward, [context.payload.reward_id for context in contexts])
    for event, context in zip(events, contexts, strict=True):
        told, reward = context.payload, rewards[context.payload.reward_id]
        if reward.user_id not in (0, told.user_id):
            raise Reject(
                f"user {told.user_id} claims {told.reward_id}, a reward of user {reward.user_id}"
            )
        if reward.token_id:
            continue
        reward.user_id, reward.token_id = told.user_id, f"token-{event.event_id}"
        reward.name = reward.name or f"Reward {reward.reward_id}"
        reward.claimed_at = reward.claimed_at or event.occurred_at
        context.caused(MINTED, _token_of(reward))
    save(Reward, rewards.values())


def _token_of(reward: Reward) -> dict[str, object]:
    return {
        "token_id": reward.token_id,
        "user_id": reward.user_id,
        "collection": COLLECTIONS[reward.kind],
        "name": reward.name,
    }


@handles(
    MINTED,
    SOLD,
    group="marketplace_processors",
    batch=True,
    always_says=["NFT.OwnershipTransferred"],
)
def transfer(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Keep who owns each token, and take what was sold off the market."""
    tokens = locked(Token, [context.payload.token_id for context in contexts])
    sales: dict[str, datetime] = {}
    for event, context in zip(events, contexts, strict=True):
        told, token = context.payload, tokens[context.payload.token_id]
        if event.event_type == MINTED:
            token.collection, token.name = told.collection, told.name
            token.minted_at = event.occurred_at
            before, after = None, told.user_id
        else:
            sales[token.token_id] = event.occurred_at
            before, after = told.seller_id, told.buyer_id
        token.belongs_to(after, event.occurred_at)
        said = {"token_id": token.token_id, "from_user_id": before, "to_user_id": after}
        context.caused("NFT.OwnershipTransferred", said)
    save(Token, tokens.values())
    if sales:
        _close_listings(sales)


def _close_listings(sales: Mapping[str, datetime]) -> None:
    """Close the offers of tokens that were sold, but not those that the buyer has made since."""
    offers = Listing.objects.select_for_update().filter(token_id__in=sales, closed_at=None)
    sold = [offer for offer in offers.order_by("pk") if offer.listed_at <= sales[offer.token_id]]
    for offer in sold:
        offer.closed_at = sales[offer.token_id]
    Listing.objects.bulk_update(sold, ["closed_at"])
