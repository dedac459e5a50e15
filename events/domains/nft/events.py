"""What the NFT domain says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events import Money, Payload, UserId, event_type
from events.domains.notation import Currency, Id, Line

TokenId = Annotated[Id, Field(description="Id of the token.")]


@event_type(
    "NFT.NFTMinted",
    entity="token_id",
    owner="nft",
    example={
        "token_id": "token-level-16-0198c0de",
        "user_id": 123,
        "collection": "Level Rewards",
        "name": "Level 16 Pioneer",
    },
)
class NFTMinted(Payload):
    """A token came into being and belongs to a user."""

    token_id: TokenId
    user_id: Annotated[UserId, Field(description="Its first owner.")]
    collection: Annotated[Line, Field(description="The collection it is part of.")]
    name: Annotated[Line, Field(description="What people read.")]


@event_type(
    "NFT.MarketplaceSale",
    entity="token_id",
    owner="nft",
    example={
        "sale_id": "sale-44c2f9",
        "token_id": "token-level-16-0198c0de",
        "seller_id": 123,
        "buyer_id": 456,
        "price": "180.00",
        "currency": "USD",
    },
)
class MarketplaceSale(Payload):
    """A token was sold on the marketplace."""

    sale_id: Annotated[Id, Field(description="Id of the sale.")]
    token_id: TokenId
    seller_id: Annotated[UserId, Field(description="Who owned it, and pays the fee.")]
    buyer_id: Annotated[UserId, Field(description="Who owns it now.")]
    price: Annotated[Money, Field(gt=0, description="What the buyer paid.")]
    currency: Currency = "USD"


@event_type(
    "NFT.RewardClaimed",
    entity="reward_id",
    owner="nft",
    example={"reward_id": "reward-0198c0de-7d5a-7c3e-9a51-3f0c2b6e1a77", "user_id": 123},
)
class RewardClaimed(Payload):
    """A user claimed a reward, which is then minted as a token."""

    reward_id: Annotated[Id, Field(description="Id of the reward.")]
    user_id: Annotated[UserId, Field(description="Who claimed it.")]


@event_type(
    "NFT.RewardDistributed",
    entity="user_id",
    owner="nft",
    example={
        "reward_id": "reward-0198c0de-7d5a-7c3e-9a51-3f0c2b6e1a77",
        "user_id": 123,
        "name": "Level 16 Pioneer",
        "kind": "level",
    },
)
class RewardDistributed(Payload):
    """A user was given a reward for a level or an achievement; it can be claimed."""

    reward_id: Annotated[Id, Field(description="Id of the reward.")]
    user_id: Annotated[UserId, Field(description="Who was given it.")]
    name: Annotated[Line, Field(description="What people read.")]
    kind: Annotated[Literal["level", "achievement"], Field(description="What it was given for.")]


@event_type(
    "NFT.OwnershipTransferred",
    entity="token_id",
    owner="nft",
    example={"token_id": "token-level-16-0198c0de", "from_user_id": 123, "to_user_id": 456},
)
class OwnershipTransferred(Payload):
    """A token has another owner than before, or its first one."""

    token_id: TokenId
    from_user_id: Annotated[
        UserId | None, Field(description="Owner before; absent when it was minted.")
    ] = None
    to_user_id: Annotated[UserId, Field(description="Owner now.")]
