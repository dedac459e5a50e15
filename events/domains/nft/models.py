"""What NFT keeps: rewards, tokens with their owners, and what is for sale."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from events.domains.fields import ExactDecimalField

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any event: since when a token nobody was heard to own has its owner."""


class Reward(models.Model):
    """A reward: owed since its cause happened, given when that was handled, claimed if ever."""

    reward_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(default=0, db_index=True)
    name = models.CharField(max_length=200, default="")
    kind = models.CharField(max_length=11, default="")
    owed_at = models.DateTimeField(null=True)
    given_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    token_id = models.CharField(max_length=100, default="")
    """The token it was minted as; empty before."""

    class Meta:
        indexes = [
            models.Index(
                fields=["-given_at"],
                name="reward_to_claim",
                condition=models.Q(claimed_at=None, given_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of user {self.user_id}"


class Token(models.Model):
    """A token and who owns it."""

    token_id = models.CharField(primary_key=True, max_length=100)
    collection = models.CharField(max_length=200, default="")
    name = models.CharField(max_length=200, default="")
    minted_at = models.DateTimeField(null=True)
    owner_id = models.BigIntegerField(default=0, db_index=True)
    owned_since = models.DateTimeField(default=NEVER, db_index=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.token_id})"

    def belongs_to(self, owner_id: int, since: datetime) -> None:
        """Hand it over, unless a later owner is known: its events may be heard in any order."""
        if since >= self.owned_since:
            self.owner_id, self.owned_since = owner_id, since


class Listing(models.Model):
    """An offer of a token on the marketplace; open until it is sold."""

    token_id = models.CharField(max_length=100)
    seller_id = models.BigIntegerField(db_index=True)
    price = ExactDecimalField()
    currency = models.CharField(max_length=8)
    listed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token_id"], name="listed_once", condition=models.Q(closed_at=None)
            )
        ]
        indexes = [
            models.Index(
                fields=["-listed_at"], name="listing_open", condition=models.Q(closed_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.token_id} for {self.price} {self.currency}"
