"""What analytics keeps."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class MinuteMetric(models.Model):
    """How many events of a type occurred in a minute, and what they amounted to."""

    pk = models.CompositePrimaryKey("minute", "event_type", "currency")
    minute = models.DateTimeField()
    """Its first instant."""
    event_type = models.CharField(max_length=200)
    currency = models.CharField(max_length=8)
    """Of the amount; empty where the type has none, so that no two currencies are added."""
    count = models.BigIntegerField(default=0)
    amount = ExactDecimalField(default=0)

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.event_type}: {self.count}"
