"""What system keeps: how each service does, which model is in use, and results of backtests."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from events.domains.fields import ExactDecimalField

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any report: when a service was heard of that never reported."""


class ServiceHealth(models.Model):
    """How a service does by its newest report."""

    service = models.CharField(primary_key=True, max_length=100)
    status = models.CharField(max_length=8, default="")
    since = models.DateTimeField(default=NEVER)
    """When the status became that."""
    as_of = models.DateTimeField(default=NEVER)

    def __str__(self) -> str:
        return f"{self.service}: {self.status}"


class PredictionModel(models.Model):
    """The version of a prediction model that is in use."""

    model = models.CharField(primary_key=True, max_length=100)
    version = models.PositiveIntegerField(default=0)
    accuracy = models.FloatField(null=True)
    as_of = models.DateTimeField(default=NEVER)

    def __str__(self) -> str:
        return f"{self.model} v{self.version}"


class Backtest(models.Model):
    """Result of a strategy on prices of the past."""

    backtest_id = models.CharField(primary_key=True, max_length=100)
    strategy = models.CharField(max_length=100, db_index=True)
    symbol = models.CharField(max_length=32)
    trades = models.PositiveIntegerField()
    profit = ExactDecimalField()
    completed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.strategy} on {self.symbol}: {self.profit}"
