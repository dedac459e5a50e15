"""What the events of a token come to."""

from __future__ import annotations

from typing import Any

from events import Event, folds

State = dict[str, Any]


@folds("NFT.NFTMinted")
def minted(state: State, event: Event, payload: Any) -> State:
    """A token begins with the one it was minted for."""
    told = {"collection": payload.collection, "name": payload.name}
    return {"owner_id": payload.user_id, **told, **state}


@folds("NFT.MarketplaceSale")
def sold(state: State, event: Event, payload: Any) -> State:
    """A sale gives it another owner, and a price."""
    price = {"price": payload.price, "currency": payload.currency}
    return {**state, "owner_id": payload.buyer_id, "sales": state.get("sales", 0) + 1, **price}


@folds("NFT.OwnershipTransferred")
def transferred(state: State, event: Event, payload: Any) -> State:
    """Follows a minting or a sale, perhaps after the next one: news only where those are gone."""
    return {"owner_id": payload.to_user_id, **state}
