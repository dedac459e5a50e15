"""What risk management can do; each writes its row and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.risk.models import Alert, Standing
from events.domains.rows import locked, save

Metadata = Mapping[str, Any] | None


class RiskRefused(AstraError):
    """The caller must act: the user stands already as they are to stand."""


@transaction.atomic
def trigger_alert(
    kind: str,
    severity: Literal["low", "medium", "high", "critical"],
    message: str,
    *,
    user_id: int | None = None,
    symbol: str | None = None,
    metadata: Metadata = None,
) -> Event:
    """Call for attention to a user, a symbol, or neither. Returns the published event.

    A second call is a second alert. Raises InvalidEvent.
    """
    said = {
        "alert_id": f"alert-{uuid4().hex[:12]}",
        "kind": kind,
        "severity": severity,
        "message": message,
        "user_id": user_id,
        "symbol": symbol,
    }
    event = Event.new("Risk.Alert.Triggered", said, metadata=metadata)
    Alert.objects.create(
        alert_id=event.entity_id,
        kind=kind,
        severity=severity,
        user_id=user_id,
        triggered_at=event.occurred_at,
    )
    publish(event)
    return event


@transaction.atomic
def update_score(user_id: int, score: int, *, metadata: Metadata = None) -> Event:
    """Set the risk score of a user, 0 to 100. Returns the published event.

    Raises RiskRefused for the score they have, InvalidEvent.
    """
    standing = locked(Standing, [user_id])[user_id]
    if standing.score == score:
        raise RiskRefused(f"the score of user {user_id} is {score} already")
    said = {"user_id": user_id, "score": score, "previous": standing.score}
    standing.score = score
    return _said(standing, "Score.Updated", said, metadata)


@transaction.atomic
def modify_profile(
    user_id: int,
    *,
    appetite: Literal["cautious", "balanced", "bold"] | None = None,
    daily_loss_limit: Decimal | None = None,
    max_leverage: int | None = None,
    metadata: Metadata = None,
) -> Event:
    """Change what a user is ready or allowed to risk; what is None stays as it is.

    Returns the published event. Raises RiskRefused when nothing changes, InvalidEvent.
    """
    given = {
        "appetite": appetite,
        "daily_loss_limit": daily_loss_limit,
        "max_leverage": max_leverage,
    }
    standing = locked(Standing, [user_id])[user_id]
    changed = {
        name: value
        for name, value in given.items()
        if value is not None and value != getattr(standing, name)
    }
    if not changed:
        raise RiskRefused(f"nothing changes in the risk profile of user {user_id}")
    for name, value in changed.items():
        setattr(standing, name, value)
    said = {"user_id": user_id, "changed": list(changed), **changed}
    return _said(standing, "Profile.Modified", said, metadata)


@transaction.atomic
def halt_trading(user_id: int, reason: str, *, metadata: Metadata = None) -> Event:
    """Say that a user must not trade. Returns the published event.

    Whoever executes trades has to heed it. Raises RiskRefused when they are halted, InvalidEvent.
    """
    standing = locked(Standing, [user_id])[user_id]
    if standing.halted_at is not None:
        raise RiskRefused(f"user {user_id} was halted at {standing.halted_at.isoformat()}")
    event = Event.new(
        "Risk.Trading.Halted", {"user_id": user_id, "reason": reason}, metadata=metadata
    )
    standing.halted_at = event.occurred_at
    save(Standing, [standing])
    publish(event)
    return event


@transaction.atomic
def resume_trading(user_id: int, reason: str, *, metadata: Metadata = None) -> Event:
    """Say that a user who was halted may trade again. Returns the published event.

    Raises RiskRefused when they are not halted, InvalidEvent.
    """
    standing = locked(Standing, [user_id])[user_id]
    if standing.halted_at is None:
        raise RiskRefused(f"user {user_id} is not halted")
    said = {"user_id": user_id, "reason": reason, "halted_at": standing.halted_at}
    standing.halted_at = None
    return _said(standing, "Trading.Resumed", said, metadata)


def _said(standing: Standing, action: str, said: Mapping[str, Any], metadata: Metadata) -> Event:
    event = Event.new(f"Risk.{action}", said, metadata=metadata)
    save(Standing, [standing])
    publish(event)
    return event
