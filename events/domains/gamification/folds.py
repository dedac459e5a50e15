"""What the events of a player come to."""

from __future__ import annotations

from typing import Any

from events import Event, folds
from events.domains.gamification.levels import level_at, title_of

State = dict[str, Any]


@folds("Gamification.XPGained")
def points(state: State, event: Event, payload: Any) -> State:
    """Points add up; the level and its title follow from them."""
    total = state.get("total_xp", 0) + payload.xp
    return {
        **state,
        "total_xp": total,
        "level": level_at(total),
        "title": title_of(level_at(total)),
    }


@folds("Gamification.LevelUp")
def level(state: State, event: Event, payload: Any) -> State:
    """Says the points there are at that moment: where older events are gone it puts that right."""
    total = max(payload.total_xp, state.get("total_xp", 0))
    reached = level_at(total)
    return {**state, "total_xp": total, "level": reached, "title": title_of(reached)}


@folds("Gamification.AchievementUnlocked")
def achievement(state: State, event: Event, payload: Any) -> State:
    """Each achievement once, by name; of several unlocked at once only the greatest was said."""
    return {**state, "achievements": sorted({*state.get("achievements", ()), payload.achievement})}


@folds("Gamification.StreakUpdated")
def streak(state: State, event: Event, payload: Any) -> State:
    """Days in a row with a trade, as of the latest day there was one."""
    if payload.day.isoformat() < state.get("streak_day", ""):
        return state
    return {**state, "streak_days": payload.days, "streak_day": payload.day.isoformat()}
