"""What auth keeps: accounts, sessions and permissions; IP addresses stay in the events."""

from __future__ import annotations

from django.db import models


class Account(models.Model):
    """What a user signs in with."""

    user_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=50)
    method = models.CharField(max_length=8)
    registered_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.username


class SignIn(models.Model):
    """A session from sign-in to its end."""

    session_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    device = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"user {self.user_id} on {self.device}"


class Permission(models.Model):
    """Something a user may do; the row is there as long as they may."""

    pk = models.CompositePrimaryKey("user_id", "permission")
    user_id = models.BigIntegerField()
    permission = models.CharField(max_length=60)
    granted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.permission}"
