"""What trading does when it hears of trades, orders and positions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from decimal import ROUND_DOWN, Decimal
from typing import Any

from events import Context, Event, handles
from events.domains.rows import add, locked, save
from events.domains.trading.limits import (
    LARGEST_SAID,
    Breach,
    crossed,
    gravest,
    worth,
)
from events.domains.trading.models import (
    BattleTrader,
    Order,
    Position,
    RiskPosition,
    RiskProfile,
    SymbolVolume,
    TradingReward,
)

REWARD_SHARE = Decimal("0.0005")
"""Part of a trade's value its trader gets back: half of the 0.1 % fee."""

CENT = Decimal("0.01")

VALUE_PER_POINT = 100
"""Trade value that scores one point in a clan battle."""

TRADES = "Trading.TradeExecuted"
ORDERS = ("Trading.Order.Placed", "Trading.Order.Filled", "Trading.Order.Cancelled")
POSITIONS = ("Trading.Position.Opened", "Trading.Position.Modified", "Trading.Position.Closed")


@handles(TRADES, group="trading_internal", batch=True)
def count_volume(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Add each trade to its user's volume in the symbol."""
    trades = [context.payload for context in contexts]
    rows = locked(SymbolVolume, [(t.user_id, t.symbol, t.currency) for t in trades])
    for trade in trades:
        row = rows[trade.user_id, trade.symbol, trade.currency]
        row.trades += 1
        row.volume += trade.value
    save(SymbolVolume, rows.values())


@handles(TRADES, group="trading_internal", batch=True, says=["Trading.TradingRewardsCalculated"])
def give_rewards(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Give each trader their share, rounded down to cents; nothing for less than a cent."""
    rewards = []
    for event, context in zip(events, contexts, strict=True):
        trade = context.payload
        reward = (trade.value * REWARD_SHARE).quantize(CENT, ROUND_DOWN)
        if not reward:
            continue
        said = {
            "user_id": trade.user_id,
            "trade_id": trade.trade_id,
            "reward": reward,
            "currency": trade.currency,
        }
        context.caused("Trading.TradingRewardsCalculated", said)
        rewards.append(
            TradingReward(
                event_id=event.event_id,
                user_id=trade.user_id,
                trade_id=trade.trade_id or "",
                reward=reward,
                currency=trade.currency,
                earned_at=event.occurred_at,
            )
        )
    # Where another worker handles the same trade at this moment the inbox decides, not this row.
    add(rewards, unless_known=True)


@handles(TRADES, group="trading_internal", batch=True, says=["Trading.ClanBattleScoreUpdated"])
def score_battles(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Score each trade in the battles its trader was fighting when it was executed."""
    fighting = _fighting(events, contexts)
    scored = {}
    for event, context in zip(events, contexts, strict=True):
        points = int(context.payload.value // VALUE_PER_POINT)
        for trader in fighting.get(context.payload.user_id, ()) if points else ():
            if not trader.battle.starts_at <= event.occurred_at < trader.battle.ends_at:
                continue
            trader.points += points
            scored[trader.pk] = trader
            said = {
                "battle_id": trader.battle_id,
                "clan_id": trader.clan_id,
                "user_id": trader.user_id,
                "points": points,
            }
            context.caused("Trading.ClanBattleScoreUpdated", said)
    if scored:
        save(BattleTrader, scored.values())


def _fighting(
    events: Sequence[Event], contexts: Sequence[Context]
) -> dict[int, list[BattleTrader]]:
    """By user, their part in the battles that had not ended at the first of these trades."""
    rows = (
        BattleTrader.objects.select_for_update(of=("self",))
        .select_related("battle")
        .filter(
            user_id__in={context.payload.user_id for context in contexts},
            battle__ends_at__gt=min(event.occurred_at for event in events),
        )
        .order_by("pk")
    )
    by_user: dict[int, list[BattleTrader]] = {}
    for row in rows:
        by_user.setdefault(row.user_id, []).append(row)
    return by_user


ORDER_STATES = dict(zip(ORDERS, Order.State, strict=True))


@handles(*ORDERS, group="trading_internal", batch=True)
def keep_orders(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Keep what the events tell of each order; our own services wrote theirs already."""
    rows = locked(Order, [context.payload.order_id for context in contexts])
    for event, context in zip(events, contexts, strict=True):
        told, row = context.payload, rows[context.payload.order_id]
        state = ORDER_STATES[event.event_type]
        if not row.is_news(state, event.occurred_at):
            continue
        row.user_id, row.symbol, row.side = told.user_id, told.symbol, told.side
        row.quantity, row.price = told.quantity, told.price
        row.state, row.as_of = state, event.occurred_at
    save(Order, rows.values())


POSITION_STATES = dict(
    zip(POSITIONS, (Position.State.OPEN, Position.State.OPEN, Position.State.CLOSED), strict=True)
)


@handles(*POSITIONS, group="trading_internal", batch=True)
def keep_positions(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Keep what the events tell of each position; our own services wrote theirs already."""
    rows = locked(Position, [context.payload.position_id for context in contexts])
    for event, context in zip(events, contexts, strict=True):
        told, row = context.payload, rows[context.payload.position_id]
        state = POSITION_STATES[event.event_type]
        if not row.is_news(state, event.occurred_at):
            continue
        row.user_id, row.symbol, row.side = told.user_id, told.symbol, told.side
        row.quantity, row.price = told.quantity, told.price
        row.pnl = getattr(told, "pnl", Decimal(0))
        row.state, row.as_of = state, event.occurred_at
    save(Position, rows.values())


@handles(
    TRADES,
    *POSITIONS,
    group="trading_risk_management",
    batch=True,
    says=["Risk.Limit.Breached"],
)
def watch_limits(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Watch the size of trades, what a user trades in a day, and what open positions are worth.

    One handler for all of it, so that every profile of a batch is locked at once, in one order.
    """
    payloads = [context.payload for context in contexts]
    profiles = locked(RiskProfile, [payload.user_id for payload in payloads])
    known = [payload.position_id for payload in payloads if hasattr(payload, "position_id")]
    positions = locked(RiskPosition, known)
    for event, context in zip(events, contexts, strict=True):
        profile = profiles[context.payload.user_id]
        if event.event_type == TRADES:
            breach = _traded(profile, event, context.payload.value)
        else:
            position = positions[context.payload.position_id]
            breach = _exposed(profile, position, event, context.payload)
        if breach is not None:
            _report(context, breach)
    save(RiskProfile, profiles.values())
    save(RiskPosition, positions.values())


def _traded(profile: RiskProfile, event: Event, value: Decimal) -> Breach | None:
    """Add to the day's volume; a trade of a day that is over counts by its size alone."""
    too_large = crossed("single_trade", Decimal(0), value, profile.single_trade_limit)
    day = event.occurred_at.astimezone(UTC).date()
    if profile.day is None or profile.day < day:
        profile.day, profile.day_volume = day, Decimal(0)
    if profile.day > day:
        return too_large
    before, profile.day_volume = profile.day_volume, profile.day_volume + value
    maximum = profile.daily_volume_limit
    return gravest(too_large, crossed("daily_volume", before, profile.day_volume, maximum))


def _exposed(
    profile: RiskProfile, position: RiskPosition, event: Event, told: Any
) -> Breach | None:
    closed = POSITION_STATES[event.event_type] == Position.State.CLOSED
    if not position.is_news(closed, event.occurred_at):
        return None
    value = Decimal(0) if closed else worth(told.quantity, told.price)
    before, profile.exposure = profile.exposure, profile.exposure + value - position.value
    position.value, position.closed, position.as_of = value, closed, event.occurred_at
    return crossed("exposure", before, profile.exposure, profile.exposure_limit)


def _report(context: Context, breach: Breach) -> None:
    said = {
        "user_id": context.payload.user_id,
        "limit": breach.limit,
        "value": min(breach.value, LARGEST_SAID),
        "maximum": breach.maximum,
    }
    context.caused("Risk.Limit.Breached", said)
