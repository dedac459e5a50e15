"""What is said about risk."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from events import Money, Payload, UserId, event_type
from events.domains.notation import Id, Line, Symbol

DECISIONS_KEPT_DAYS = 365
"""A trader may ask, and an auditor will, why somebody was limited or stopped a year ago."""


@event_type(
    "Risk.Limit.Breached",
    entity="user_id",
    owner="risk",
    retention_days=DECISIONS_KEPT_DAYS,
    example={
        "user_id": 123,
        "limit": "single_trade",
        "value": "140000.00",
        "maximum": "100000.00",
    },
)
class LimitBreached(Payload):
    """A user went beyond one of the limits set for them."""

    user_id: UserId
    limit: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", description="Name of the limit.")]
    value: Annotated[Money, Field(ge=0, description="What it came to.")]
    maximum: Annotated[Money, Field(ge=0, description="What the limit allows.")]


@event_type(
    "Risk.Alert.Triggered",
    entity="alert_id",
    owner="risk",
    aliases=("risk_alert",),
    retention_days=DECISIONS_KEPT_DAYS,
    example={
        "alert_id": "alert-6d20f4",
        "kind": "concentration",
        "severity": "high",
        "message": "Four fifths of what is held is BTC-USD",
        "user_id": 123,
        "symbol": "BTC-USD",
    },
)
class AlertTriggered(Payload):
    """Something about a trader or a symbol wants the attention of risk management."""

    alert_id: Annotated[Id, Field(description="Id of the alert.")]
    kind: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", description="What triggered it.")]
    severity: Annotated[
        Literal["low", "medium", "high", "critical"], Field(description="How grave it is.")
    ]
    message: Annotated[Line, Field(description="What people read.")]
    user_id: Annotated[UserId | None, Field(description="Whom it is about, if anybody.")] = None
    symbol: Annotated[Symbol | None, Field(description="What it is about, if a symbol.")] = None


@event_type(
    "Risk.Score.Updated",
    entity="user_id",
    owner="risk",
    retention_days=DECISIONS_KEPT_DAYS,
    example={"user_id": 123, "score": 62, "previous": 48},
)
class ScoreUpdated(Payload):
    """The risk score of a user changed."""

    user_id: UserId
    score: Annotated[int, Field(ge=0, le=100, description="From 0, no risk, to 100.")]
    previous: Annotated[
        int | None, Field(ge=0, le=100, description="The score before; none for the first.")
    ] = None


@event_type(
    "Risk.Profile.Modified",
    entity="user_id",
    owner="risk",
    retention_days=DECISIONS_KEPT_DAYS,
    example={
        "user_id": 123,
        "changed": ["appetite", "daily_loss_limit"],
        "appetite": "balanced",
        "daily_loss_limit": "2500.00",
    },
)
class ProfileModified(Payload):
    """What a user is ready or allowed to risk was changed."""

    user_id: UserId
    changed: Annotated[
        list[Literal["appetite", "daily_loss_limit", "max_leverage"]],
        Field(min_length=1, description="Fields that changed."),
    ]
    appetite: Annotated[
        Literal["cautious", "balanced", "bold"] | None,
        Field(description="Risk they want to take, where it is among the changed."),
    ] = None
    daily_loss_limit: Annotated[
        Money | None,
        Field(gt=0, description="Most they may lose in a day, where it is among the changed."),
    ] = None
    max_leverage: Annotated[
        int | None,
        Field(ge=1, le=1_000, description="Largest leverage, where it is among the changed."),
    ] = None


@event_type(
    "Risk.Trading.Halted",
    entity="user_id",
    owner="risk",
    retention_days=DECISIONS_KEPT_DAYS,
    example={"user_id": 123, "reason": "Lost more in a day than agreed"},
)
class TradingHalted(Payload):
    """A user was stopped from trading."""

    user_id: UserId
    reason: Annotated[Line, Field(description="Why, in words.")]


@event_type(
    "Risk.Trading.Resumed",
    entity="user_id",
    owner="risk",
    retention_days=DECISIONS_KEPT_DAYS,
    example={
        "user_id": 123,
        "reason": "A new day has begun",
        "halted_at": "2026-01-14T09:30:00Z",
    },
)
class TradingResumed(Payload):
    """A user who had been stopped may trade again."""

    user_id: UserId
    reason: Annotated[Line, Field(description="Why, in words.")]
    halted_at: Annotated[AwareDatetime, Field(description="When they had been stopped.")]
