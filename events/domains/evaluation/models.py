"""What evaluation keeps: how every evaluation stands, and its figures."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class Evaluation(models.Model):
    """How the evaluation of a trader stands."""

    evaluation_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    status = models.CharField(max_length=11)
    violations = models.PositiveIntegerField(default=0)
    reported_at = models.DateTimeField(null=True)
    """When the newest report was generated."""
    as_of = models.DateTimeField()
    """When the status became that."""

    def __str__(self) -> str:
        return f"{self.evaluation_id}: {self.status}"


class Metric(models.Model):
    """A figure of an evaluation, as it was calculated last."""

    pk = models.CompositePrimaryKey("evaluation_id", "metric")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE)
    metric = models.CharField(max_length=60)
    value = ExactDecimalField()
    trades = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.metric} of {self.evaluation_id}: {self.value}"
