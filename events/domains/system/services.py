"""What the machinery can report; each writes its row and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.rows import locked, save
from events.domains.system.models import Backtest, PredictionModel, ServiceHealth

Metadata = Mapping[str, Any] | None


class ReportRefused(AstraError):
    """Who reports must act: what they say is older than what is known, or known already."""


@transaction.atomic
def report_health(
    service: str,
    status: Literal["healthy", "degraded", "down"],
    *,
    latency_ms: int | None = None,
    detail: str | None = None,
    observed_at: datetime | None = None,
    metadata: Metadata = None,
) -> Event:
    """Report how a service does, now unless it says when. Returns the published event.

    Raises ReportRefused for a report older than the newest one, InvalidEvent.
    """
    said = {"service": service, "status": status, "latency_ms": latency_ms, "detail": detail}
    event = Event.new("System.HealthReported", said, occurred_at=observed_at, metadata=metadata)
    health = locked(ServiceHealth, [service])[service]
    if event.occurred_at < health.as_of:
        raise ReportRefused(f"{service} has a newer report, of {health.as_of.isoformat()}")
    if health.status != status:
        health.status, health.since = status, event.occurred_at
    health.as_of = event.occurred_at
    save(ServiceHealth, [health])
    publish(event)
    return event


@transaction.atomic
def update_model(
    model: str,
    version: int | None = None,
    *,
    accuracy: float | None = None,
    metadata: Metadata = None,
) -> Event:
    """Put a version of a prediction model in use, the next one unless it is named.

    Returns the published event. Raises ReportRefused for a version that is not newer than the one
    in use, InvalidEvent.
    """
    in_use = locked(PredictionModel, [model])[model]
    version = in_use.version + 1 if version is None else version
    said = {"model": model, "version": version, "accuracy": accuracy}
    event = Event.new("System.ModelUpdated", said, metadata=metadata)
    if version <= in_use.version:
        raise ReportRefused(f"{model} v{in_use.version} is in use: v{version} is not newer")
    in_use.version, in_use.accuracy, in_use.as_of = version, accuracy, event.occurred_at
    save(PredictionModel, [in_use])
    publish(event)
    return event


@transaction.atomic
def complete_backtest(
    strategy: str,
    symbol: str,
    days: tuple[date, date],
    trades: int,
    profit: Decimal,
    *,
    max_drawdown: float | None = None,
    backtest_id: str | None = None,
    metadata: Metadata = None,
) -> Event:
    """Report what a strategy came to on the prices of these days, the first and the last.

    Returns the published event. Raises ReportRefused for a backtest that is known, InvalidEvent.
    """
    said = {
        "backtest_id": backtest_id or f"backtest-{uuid4().hex[:12]}",
        "strategy": strategy,
        "symbol": symbol,
        "first_day": days[0],
        "last_day": days[1],
        "trades": trades,
        "profit": profit,
        "max_drawdown": max_drawdown,
    }
    event = Event.new("System.BacktestCompleted", said, metadata=metadata)
    _, is_new = Backtest.objects.get_or_create(
        backtest_id=event.entity_id,
        defaults={
            "strategy": strategy,
            "symbol": symbol,
            "trades": trades,
            "profit": profit,
            "completed_at": event.occurred_at,
        },
    )
    if not is_new:
        raise ReportRefused(f"{event.entity_id} has been reported: give the run an id of its own")
    publish(event)
    return event
