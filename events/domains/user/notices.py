"""What a user is told of an event: its kind and one line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events import Event

WORDING: dict[str, tuple[str, Callable[[Any], str]]] = {
    "Gamification.LevelUp": (
        "level_up",
        lambda told: f"You reached level {told.to_level}: {told.title}",
    ),
    "Gamification.AchievementUnlocked": (
        "achievement",
        lambda told: f"You unlocked “{told.title}”",
    ),
    "NFT.RewardDistributed": (
        "reward",
        lambda told: f"A reward waits for you: {told.name}",
    ),
    "Risk.Limit.Breached": (
        "limit_breach",
        lambda told: f"You went beyond your {told.limit.replace('_', ' ')} limit",
    ),
    "Financial.PaymentCompleted": (
        "payment",
        lambda told: f"We received {told.amount} {told.currency}{_paid_by(told.method)}",
    ),
}
"""Kind of the notice that follows from an event, and its title by the payload."""


def _paid_by(method: str) -> str:
    return "" if method == "unknown" else f" by {method.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification before it is sent; its id is the same however often it is made."""

    notification_id: str
    user_id: int
    kind: str
    title: str


def notice(event: Event, payload: Any) -> Notice:
    """The notice of an event of one of the types in WORDING."""
    kind, wording = WORDING[event.event_type]
    return Notice(f"notification-{event.event_id}", payload.user_id, kind, wording(payload))
