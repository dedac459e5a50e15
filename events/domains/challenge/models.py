"""What challenge keeps: every challenge somebody took on, and how far they are."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class Challenge(models.Model):
    """A challenge of one user."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    challenge_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=9, choices=State, default=State.RUNNING)
    reward_xp = models.PositiveIntegerField()
    phases = models.PositiveSmallIntegerField()
    profit_target = ExactDecimalField()
    loss_limit = ExactDecimalField()
    phase = models.PositiveSmallIntegerField(default=1)
    trades = models.PositiveIntegerField(default=0)
    """Trades of the phase."""
    profit = ExactDecimalField(default=0)
    """Profit of the phase, or loss when negative."""

    def __str__(self) -> str:
        return f"{self.challenge_id}: {self.state}"
