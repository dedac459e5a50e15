"""What risk keeps: alerts, and how each user stands. Limits are trading's to keep."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class Alert(models.Model):
    """Something that wanted attention."""

    alert_id = models.CharField(primary_key=True, max_length=100)
    kind = models.CharField(max_length=60)
    severity = models.CharField(max_length=8)
    user_id = models.BigIntegerField(null=True, db_index=True)
    triggered_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.alert_id}: {self.kind}, {self.severity}"


class Standing(models.Model):
    """How a user stands with risk management."""

    user_id = models.BigIntegerField(primary_key=True)
    score = models.PositiveSmallIntegerField(null=True)
    appetite = models.CharField(max_length=8, default="", blank=True)
    daily_loss_limit = ExactDecimalField(null=True)
    max_leverage = models.PositiveSmallIntegerField(null=True)
    halted_at = models.DateTimeField(null=True)
    """Since when they may not trade; nothing while they may."""

    def __str__(self) -> str:
        return f"user {self.user_id}: {'halted' if self.halted_at else 'may trade'}"
