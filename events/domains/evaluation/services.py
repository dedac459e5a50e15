"""How a trader is evaluated; each step writes its rows and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.evaluation.events import Status
from events.domains.evaluation.metrics import METRICS, calculated
from events.domains.evaluation.models import Evaluation, Metric

Metadata = Mapping[str, Any] | None

NEXT: Mapping[str, Sequence[Status]] = {
    "in_progress": ("suspended", "passed", "failed"),
    "suspended": ("in_progress", "failed"),
    "passed": (),
    "failed": (),
}
"""What an evaluation may become from each status."""


class EvaluationRefused(AstraError):
    """The caller must act: the evaluation is not known, or does not stand so that this could be."""


@transaction.atomic
def begin_evaluation(user_id: int, *, metadata: Metadata = None) -> Event:
    """Begin to evaluate a trader. Returns the published event."""
    said = {
        "evaluation_id": f"evaluation-{uuid4().hex[:12]}",
        "user_id": user_id,
        "status": "in_progress",
    }
    event = Event.new("Evaluation.Status.Changed", said, metadata=metadata)
    Evaluation.objects.create(
        evaluation_id=event.entity_id,
        user_id=user_id,
        status="in_progress",
        as_of=event.occurred_at,
    )
    publish(event)
    return event


@transaction.atomic
def change_status(
    evaluation_id: str, status: Status, reason: str | None = None, *, metadata: Metadata = None
) -> Event:
    """Suspend an evaluation, take it up again or end it. Returns the published event.

    Raises EvaluationRefused for what `NEXT` does not allow, InvalidEvent.
    """
    evaluation = _known(evaluation_id)
    if status not in NEXT[evaluation.status]:
        raise EvaluationRefused(f"{evaluation_id} is {evaluation.status}: it cannot be {status}")
    said = {"previous": evaluation.status, "status": status, "reason": reason}
    event = _event(evaluation, "Status.Changed", said, metadata)
    evaluation.status, evaluation.as_of = status, event.occurred_at
    evaluation.save(update_fields=["status", "as_of"])
    publish(event)
    return event


@transaction.atomic
def record_violation(
    evaluation_id: str, rule: str, value: Decimal, maximum: Decimal, *, metadata: Metadata = None
) -> Event:
    """Record that the trader broke a rule. Returns the published event.

    Raises EvaluationRefused when the evaluation is not in progress or the value is within what
    the rule allows, InvalidEvent.
    """
    evaluation = _in_progress(evaluation_id)
    if value <= maximum:
        raise EvaluationRefused(f"{value} is within the {maximum} that {rule} allows")
    said = {"rule": rule, "value": value, "maximum": maximum}
    event = _event(evaluation, "Rule.Violated", said, metadata)
    evaluation.violations += 1
    evaluation.save(update_fields=["violations"])
    publish(event)
    return event


@transaction.atomic
def calculate_metric(
    evaluation_id: str, metric: str, results: Sequence[Decimal], *, metadata: Metadata = None
) -> Event:
    """Calculate a figure from the profit or loss of each trade, oldest first.

    Returns the published event; the figure replaces the one of before. Raises EvaluationRefused
    when the evaluation is not in progress, nobody defined the metric or there are no results.
    """
    evaluation = _in_progress(evaluation_id)
    if metric not in METRICS:
        raise EvaluationRefused(f"no metric is called {metric!r}: use {' or '.join(METRICS)}")
    if not results:
        raise EvaluationRefused(f"{metric} of {evaluation_id} needs the result of a trade")
    value = calculated(metric, results)
    said = {"metric": metric, "value": value, "trades": len(results)}
    event = _event(evaluation, "Metric.Calculated", said, metadata)
    Metric.objects.update_or_create(
        evaluation=evaluation, metric=metric, defaults={"value": value, "trades": len(results)}
    )
    publish(event)
    return event


@transaction.atomic
def generate_report(evaluation_id: str, *, metadata: Metadata = None) -> Event:
    """Report how an evaluation stands, one that has ended too. Returns the published event.

    Raises EvaluationRefused when no figure of it has been calculated.
    """
    evaluation = _known(evaluation_id)
    metrics = Metric.objects.filter(evaluation=evaluation).count()
    if not metrics:
        raise EvaluationRefused(f"{evaluation_id} has no figures yet: calculate some first")
    said = {
        "report_id": f"report-{uuid4().hex[:12]}",
        "status": evaluation.status,
        "metrics": metrics,
        "violations": evaluation.violations,
    }
    event = _event(evaluation, "Report.Generated", said, metadata)
    evaluation.reported_at = event.occurred_at
    evaluation.save(update_fields=["reported_at"])
    publish(event)
    return event


def _known(evaluation_id: str) -> Evaluation:
    """The evaluation, ours until the transaction ends."""
    evaluation = Evaluation.objects.select_for_update().filter(pk=evaluation_id).first()
    if evaluation is None:
        raise EvaluationRefused(f"no evaluation is called {evaluation_id!r}")
    return evaluation


def _in_progress(evaluation_id: str) -> Evaluation:
    evaluation = _known(evaluation_id)
    if evaluation.status != "in_progress":
        raise EvaluationRefused(f"{evaluation_id} is {evaluation.status}, not in progress")
    return evaluation


def _event(
    evaluation: Evaluation, action: str, said: Mapping[str, Any], metadata: Metadata
) -> Event:
    of = {"evaluation_id": evaluation.evaluation_id, "user_id": evaluation.user_id}
    return Event.new(f"Evaluation.{action}", {**of, **said}, metadata=metadata)
