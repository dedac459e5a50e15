"""What is said about the machinery: services, models and backtests."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from events import Money, Payload, event_type
from events.domains.notation import Currency, Id, Line, Share, Symbol

REPORTS_KEPT_DAYS = 3
"""A service reports again and again; how it did last week is for metrics to tell."""


@event_type(
    "System.HealthReported",
    entity="service",
    owner="system",
    aliases=("system_health",),
    retention_days=REPORTS_KEPT_DAYS,
    example={"service": "price-feed", "status": "degraded", "latency_ms": 840},
)
class HealthReported(Payload):
    """A service reported how it does."""

    service: Annotated[Id, Field(description="Name of the service.")]
    status: Annotated[Literal["healthy", "degraded", "down"], Field(description="How it does.")]
    latency_ms: Annotated[
        int | None, Field(ge=0, le=86_400_000, description="How long it takes to answer.")
    ] = None
    detail: Annotated[Line | None, Field(description="What is the matter, in words.")] = None


@event_type(
    "System.ModelUpdated",
    entity="model",
    owner="system",
    aliases=("ml_model_update",),
    example={"model": "momentum", "version": 12, "accuracy": 0.63},
)
class ModelUpdated(Payload):
    """A newer version of a prediction model is in use."""

    model: Annotated[Id, Field(description="Name of the model.")]
    version: Annotated[int, Field(ge=1, le=10**9, description="Its version in use from now on.")]
    accuracy: Annotated[
        Share | None, Field(description="Part of its predictions that proved right in tests.")
    ] = None


@event_type(
    "System.BacktestCompleted",
    entity="backtest_id",
    owner="system",
    aliases=("backtest_complete",),
    example={
        "backtest_id": "backtest-2f60c1",
        "strategy": "momentum",
        "symbol": "BTC-USD",
        "first_day": "2025-01-01",
        "last_day": "2025-03-31",
        "trades": 184,
        "profit": "2310.40",
        "currency": "USD",
        "max_drawdown": 0.12,
    },
)
class BacktestCompleted(Payload):
    """A strategy was tried on prices of the past, with this result."""

    backtest_id: Annotated[Id, Field(description="Id of the backtest.")]
    strategy: Annotated[Id, Field(description="Name of the strategy.")]
    symbol: Symbol
    first_day: Annotated[date, Field(description="First UTC day of the prices.")]
    last_day: Annotated[date, Field(description="Last UTC day of the prices.")]
    trades: Annotated[int, Field(ge=0, le=10**9, description="How many trades it made.")]
    profit: Annotated[Money, Field(description="Profit, or loss when negative.")]
    currency: Currency = "USD"
    max_drawdown: Annotated[
        Share | None, Field(description="Deepest fall from a peak, as a part of the peak.")
    ] = None

    @field_validator("last_day")
    @classmethod
    def _does_not_end_before_it_begins(cls, last_day: date, info: ValidationInfo) -> date:
        first_day = info.data.get("first_day")
        if first_day is not None and last_day < first_day:
            raise ValueError(f"lies before the first day, {first_day}")
        return last_day
