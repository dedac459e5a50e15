"""What is said about challenges."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events import Money, Payload, UserId, event_type
from events.domains.notation import Currency, Id, Line

Name = Annotated[Line, Field(max_length=100, description="What people read.")]
Phase = Annotated[int, Field(ge=1, le=100, description="The phase, counted from 1.")]
Phases = Annotated[int, Field(ge=1, le=100, description="How many phases there are.")]
Profit = Annotated[Money, Field(description="Profit of the phase, or loss when negative.")]


class _Challenge(Payload):
    challenge_id: Annotated[Id, Field(description="Id of the challenge.")]
    user_id: UserId


@event_type(
    "Challenge.Started",
    entity="challenge_id",
    owner="challenge",
    example={
        "challenge_id": "challenge-41d7a9",
        "user_id": 123,
        "name": "Funded trader, 50 000",
        "phases": 2,
        "profit_target": "4000.00",
        "loss_limit": "2500.00",
        "currency": "USD",
    },
)
class Started(_Challenge):
    """A user took on a challenge."""

    name: Name
    phases: Phases
    profit_target: Annotated[Money, Field(gt=0, description="Profit that passes a phase.")]
    loss_limit: Annotated[Money, Field(gt=0, description="Loss in a phase that must not be.")]
    currency: Currency = "USD"


@event_type(
    "Challenge.Metrics.Updated",
    entity="challenge_id",
    owner="challenge",
    example={
        "challenge_id": "challenge-41d7a9",
        "user_id": 123,
        "phase": 1,
        "trades": 14,
        "profit": "1830.25",
    },
)
class MetricsUpdated(_Challenge):
    """A trade brought a user nearer to the end of a challenge, good or bad."""

    phase: Phase
    trades: Annotated[int, Field(ge=1, le=10**9, description="Trades of the phase so far.")]
    profit: Profit


@event_type(
    "Challenge.Phase.Advanced",
    entity="challenge_id",
    owner="challenge",
    aliases=("Challenge.Phase.Completed",),
    example={
        "challenge_id": "challenge-41d7a9",
        "user_id": 123,
        "phase": 2,
        "phases": 2,
        "profit": "4120.00",
    },
)
class PhaseAdvanced(_Challenge):
    """A user completed a phase of a challenge, and the next one began."""

    phase: Annotated[Phase, Field(description="The phase that began, counted from 1.")]
    phases: Phases
    profit: Annotated[Money, Field(description="Profit of the phase that was completed.")]


@event_type(
    "Challenge.Completed",
    entity="challenge_id",
    owner="challenge",
    example={
        "challenge_id": "challenge-first-week",
        "user_id": 123,
        "name": "Five trades in the first week",
        "reward_xp": 50,
    },
)
class Completed(_Challenge):
    """A user completed a challenge."""

    name: Name
    reward_xp: Annotated[
        int, Field(ge=0, le=10**6, description="Experience points it is worth; may be none.")
    ]


@event_type(
    "Challenge.Failed",
    entity="challenge_id",
    owner="challenge",
    example={
        "challenge_id": "challenge-41d7a9",
        "user_id": 123,
        "name": "Funded trader, 50 000",
        "phase": 2,
        "profit": "-2610.00",
        "reason": "Lost more than 2500.00 in a phase",
    },
)
class Failed(_Challenge):
    """A challenge ended before the user had completed it."""

    name: Name
    phase: Phase
    profit: Profit
    reason: Annotated[Line, Field(description="Why, in words.")]
