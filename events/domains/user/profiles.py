"""How a profile changes with what happened: one small function per event type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from events.domains.user.models import Profile

Update = Callable[[Profile, Any, datetime], tuple[str, ...]]


def register(profile: Profile, told: Any, at: datetime) -> tuple[str, ...]:
    """The user registered: their name, and their country if they gave it."""
    profile.username = told.username
    profile.registered_at = profile.registered_at or at
    if told.country is None:
        return ("username",)
    profile.country = told.country
    return ("username", "country")


def gain_influence(profile: Profile, told: Any, at: datetime) -> tuple[str, ...]:
    """Influence as it came to; an older figure that was overtaken changes nothing."""
    if at >= profile.influence_at:
        profile.influence, profile.influence_at = told.influence, at
    return ("influence",)


def level_up(profile: Profile, told: Any, at: datetime) -> tuple[str, ...]:
    """Level and the title that goes with it; levels are never lost."""
    if told.to_level >= profile.level:
        profile.level, profile.title = told.to_level, told.title
    return ("level", "title")


def give_badge(profile: Profile, told: Any, at: datetime) -> tuple[str, ...]:
    """A reward is worn as a badge, once."""
    if told.name not in profile.badges:
        profile.badges = [*profile.badges, told.name]
    return ("badges",)


def subscribe(profile: Profile, told: Any, at: datetime) -> tuple[str, ...]:
    """The plan subscribed to."""
    profile.plan = told.plan
    return ("plan",)


UPDATES: dict[str, Update] = {
    "User.UserRegistered": register,
    "Social.InfluenceUpdated": gain_influence,
    "Gamification.LevelUp": level_up,
    "NFT.RewardDistributed": give_badge,
    "Financial.SubscriptionCreated": subscribe,
}
"""What each type does to the profile of its user. Returns the fields it is about, never none."""
