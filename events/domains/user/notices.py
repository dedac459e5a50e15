"""What a user is told of an event: its kind and one line of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from events import Event

WORDING = {
    "Gamification.LevelUp": ("level_up", "You reached level {0.to_level}: {0.title}"),
    "Gamification.AchievementUnlocked": ("achievement", "You unlocked “{0.title}”"),
    "NFT.RewardDistributed": ("reward", "A reward waits for you: {0.name}"),
    "Risk.Limit.Breached": ("limit_breach", "You went beyond a limit: {0.limit}"),
    "Financial.PaymentCompleted": ("payment", "We received {0.amount} {0.currency}"),
}
"""Kind and title of the notice that follows from an event; {0} is its payload."""


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
    title = wording.format(payload)
    return Notice(f"notification-{event.event_id}", payload.user_id, kind, title)
