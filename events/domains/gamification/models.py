"""What gamification keeps of every user."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class XPProfile(models.Model):
    """Experience and level of a user; counted from XPGained alone."""

    user_id = models.BigIntegerField(primary_key=True)
    total_xp = models.BigIntegerField(default=0)
    level = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"user {self.user_id}: level {self.level}, {self.total_xp} XP"


class Standing(models.Model):
    """Points of a user on a leaderboard in one period."""

    pk = models.CompositePrimaryKey("board", "period", "user_id")
    board = models.CharField(max_length=8)
    period = models.CharField(max_length=10)
    """``2026-01-15`` of the daily board, ``2026-W03`` of the weekly, empty for all time."""
    user_id = models.BigIntegerField()
    score = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["board", "period", "-score"], name="standing_rank")]

    def __str__(self) -> str:
        return f"{self.board} {self.period}: user {self.user_id} has {self.score}"


class TraderRecord(models.Model):
    """What a user has done, as far as achievements and streaks go by it."""

    user_id = models.BigIntegerField(primary_key=True)
    trades = models.BigIntegerField(default=0)
    volume = ExactDecimalField(default=0)
    best_trade = ExactDecimalField(default=0)
    level = models.PositiveIntegerField(default=1)
    streak_day = models.DateField(null=True)
    """The latest UTC day with a trade."""
    streak_days = models.PositiveIntegerField(default=0)
    best_streak = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.trades} trades"


class Achievement(models.Model):
    """An achievement a user has; once only."""

    pk = models.CompositePrimaryKey("user_id", "name")
    user_id = models.BigIntegerField()
    name = models.CharField(max_length=60)
    unlocked_at = models.DateTimeField()
    event_id = models.UUIDField()
    """The event that unlocked it."""

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.name}"
