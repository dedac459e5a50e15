"""What user keeps: profiles, sessions, notifications; mail and IP addresses stay in the events."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any event: since when a profile without influence has it."""


class Profile(models.Model):
    """A user as the product shows them; one who was only heard of has no name yet."""

    user_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=50, default="", blank=True)
    country = models.CharField(max_length=2, default="", blank=True)
    registered_at = models.DateTimeField(null=True)
    title = models.CharField(max_length=200, default="", blank=True)
    level = models.PositiveIntegerField(default=1)
    influence = models.BigIntegerField(default=0)
    influence_at = models.DateTimeField(default=NEVER)
    """When the influence was that."""
    badges = models.JSONField(default=list)
    """Names, oldest first."""
    plan = models.CharField(max_length=40, default="", blank=True)
    """Plan subscribed to last."""

    def __str__(self) -> str:
        return self.username or f"user {self.user_id}"


class UserIds(models.Model):
    """The last id that was given to somebody who registered: one row, locked while one is given."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"up to {self.last}"


class Session(models.Model):
    """A session our own service began."""

    session_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    device = models.CharField(max_length=200)
    started_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"user {self.user_id} on {self.device}"


class Notification(models.Model):
    """What a user was told within the product."""

    notification_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    title = models.CharField(max_length=200)
    sent_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user_id", "-sent_at"], name="notification_of_user")]

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.title}"
