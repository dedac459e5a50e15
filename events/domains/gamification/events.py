"""What the gamification domain says."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from events import Payload, UserId, event_type
from events.domains.notation import Line

Level = Annotated[int, Field(ge=1, le=10**9)]


@event_type(
    "Gamification.XPGained",
    entity="user_id",
    owner="gamification",
    example={"user_id": 123, "xp": 15, "source": "trade", "reason": "Traded STRK for 1500.00"},
)
class XPGained(Payload):
    """A user gained experience points."""

    user_id: UserId
    xp: Annotated[int, Field(ge=1, le=10**15, description="Points gained.")]
    source: Annotated[
        Literal["trade", "social", "challenge", "other"],
        Field(description="What kind of activity earned them."),
    ]
    reason: Annotated[
        str, Field(min_length=1, max_length=200, description="The activity in words.")
    ]


@event_type(
    "Gamification.LevelUp",
    entity="user_id",
    owner="gamification",
    example={
        "user_id": 123,
        "from_level": 15,
        "to_level": 16,
        "title": "Pioneer",
        "total_xp": 12025,
    },
)
class LevelUp(Payload):
    """A user passed one or more levels at once."""

    user_id: UserId
    from_level: Annotated[Level, Field(description="Level before.")]
    to_level: Annotated[Level, Field(description="Level reached.")]
    title: Annotated[Line, Field(description="Title that goes with the level reached.")]
    total_xp: Annotated[int, Field(ge=0, description="All points the user has now.")]


@event_type(
    "Gamification.AchievementUnlocked",
    entity="user_id",
    owner="gamification",
    example={"user_id": 123, "achievement": "volume_10k", "title": "Ten thousand traded"},
)
class AchievementUnlocked(Payload):
    """A user unlocked an achievement."""

    user_id: UserId
    achievement: Annotated[
        str, Field(pattern=r"^[a-z0-9_]{1,60}$", description="Name of the achievement.")
    ]
    title: Annotated[Line, Field(description="What people read.")]


@event_type(
    "Gamification.StreakUpdated",
    entity="user_id",
    owner="gamification",
    example={"user_id": 123, "days": 4, "day": "2026-01-15"},
)
class StreakUpdated(Payload):
    """A user traded on one more day; said once per user and UTC day."""

    user_id: UserId
    days: Annotated[int, Field(ge=1, description="Days in a row with a trade, this one included.")]
    day: Annotated[date, Field(description="The UTC day.")]


@event_type(
    "Gamification.LeaderboardUpdated",
    entity="board",
    owner="gamification",
    example={"board": "daily", "user_id": 123, "rank": 7, "previous_rank": 12, "score": 340},
)
class LeaderboardUpdated(Payload):
    """A user's rank among the first hundred of a leaderboard changed."""

    board: Annotated[
        Literal["daily", "weekly", "all_time"], Field(description="Which leaderboard.")
    ]
    user_id: UserId
    rank: Annotated[int, Field(ge=1, le=100, description="Rank now; 1 is the first.")]
    previous_rank: Annotated[
        int | None, Field(ge=1, description="Rank before; absent when it was not among the first.")
    ] = None
    score: Annotated[int, Field(ge=1, description="Points on this leaderboard.")]
