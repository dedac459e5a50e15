"""What the events of an order, a position and a trader come to."""

from __future__ import annotations

from typing import Any

from events import Event, folds
from events.domains.trading.handlers import ORDER_STATES, POSITION_STATES, TRADES

State = dict[str, Any]


@folds(*POSITION_STATES)
def position(state: State, event: Event, payload: Any) -> State:
    """Events of one position travel on three streams: a closed one is never opened again."""
    if state.get("state") == "closed":
        return state
    return {
        "user_id": payload.user_id,
        "symbol": payload.symbol,
        "side": payload.side,
        "quantity": payload.quantity,
        "price": payload.price,
        "pnl": getattr(payload, "pnl", None),
        "state": str(POSITION_STATES[event.event_type]),
    }


@folds(*ORDER_STATES)
def order(state: State, event: Event, payload: Any) -> State:
    """An order that has ended stays as it ended."""
    if state.get("state", "placed") != "placed":
        return state
    return {
        "user_id": payload.user_id,
        "symbol": payload.symbol,
        "side": payload.side,
        "quantity": payload.quantity,
        "price": payload.price,
        "state": str(ORDER_STATES[event.event_type]),
    }


@folds(TRADES)
def trader(state: State, event: Event, payload: Any) -> State:
    """Trades and volume, by symbol and currency."""
    key = f"{payload.symbol} {payload.currency}"
    volume = dict(state.get("volume", {}))
    volume[key] = volume.get(key, 0) + payload.value
    return {"trades": state.get("trades", 0) + 1, "volume": volume}
