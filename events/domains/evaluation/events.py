"""What is said about the evaluation of traders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events import Payload, UserId, event_type
from events.domains.notation import Id, Line, Measure

Status = Literal["in_progress", "suspended", "passed", "failed"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]


class _Evaluation(Payload):
    evaluation_id: Annotated[Id, Field(description="Id of the evaluation.")]
    user_id: Annotated[UserId, Field(description="Who is evaluated.")]


@event_type(
    "Evaluation.Rule.Violated",
    entity="evaluation_id",
    owner="evaluation",
    example={
        "evaluation_id": "evaluation-3b9d42",
        "user_id": 123,
        "rule": "daily_loss",
        "value": "5200.00",
        "maximum": "5000.00",
    },
)
class RuleViolated(_Evaluation):
    """A trader broke a rule of their evaluation."""

    rule: Annotated[Name, Field(description="Name of the rule.")]
    value: Annotated[Measure, Field(description="What it came to.")]
    maximum: Annotated[Measure, Field(description="What the rule allows.")]


@event_type(
    "Evaluation.Metric.Calculated",
    entity="evaluation_id",
    owner="evaluation",
    example={
        "evaluation_id": "evaluation-3b9d42",
        "user_id": 123,
        "metric": "win_rate",
        "value": "0.5417",
        "trades": 48,
    },
)
class MetricCalculated(_Evaluation):
    """A figure of an evaluation was calculated anew from the trader's results."""

    metric: Annotated[Name, Field(description="Name of the figure.")]
    value: Annotated[Measure, Field(description="The figure.")]
    trades: Annotated[int, Field(ge=1, le=10**9, description="From so many trades.")]


@event_type(
    "Evaluation.Report.Generated",
    entity="evaluation_id",
    owner="evaluation",
    example={
        "evaluation_id": "evaluation-3b9d42",
        "user_id": 123,
        "report_id": "report-90ac17",
        "status": "in_progress",
        "metrics": 3,
        "violations": 1,
    },
)
class ReportGenerated(_Evaluation):
    """A report on an evaluation can be read."""

    report_id: Annotated[Id, Field(description="Id of the report.")]
    status: Annotated[Status, Field(description="How the evaluation stood.")]
    metrics: Annotated[int, Field(ge=1, le=10**6, description="How many figures it states.")]
    violations: Annotated[int, Field(ge=0, le=10**9, description="How many violations it lists.")]


@event_type(
    "Evaluation.Status.Changed",
    entity="evaluation_id",
    owner="evaluation",
    example={
        "evaluation_id": "evaluation-3b9d42",
        "user_id": 123,
        "previous": "in_progress",
        "status": "passed",
        "reason": "Target reached without a violation",
    },
)
class StatusChanged(_Evaluation):
    """An evaluation began, was suspended or taken up again, or ended."""

    previous: Annotated[
        Status | None, Field(description="How it stood before; nothing when it begins.")
    ] = None
    status: Annotated[Status, Field(description="How it stands from now on.")]
    reason: Annotated[Line | None, Field(description="Why, in words.")] = None
