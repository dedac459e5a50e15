"""What market keeps: the newest price of every symbol."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from events.domains.fields import ExactDecimalField

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any quote: when a symbol without a price was seen last."""


class Quote(models.Model):
    """The newest price of a symbol."""

    symbol = models.CharField(primary_key=True, max_length=32)
    price = ExactDecimalField(default=0)
    volume = ExactDecimalField(null=True)
    as_of = models.DateTimeField(default=NEVER)

    def __str__(self) -> str:
        return f"{self.symbol}: {self.price}"
