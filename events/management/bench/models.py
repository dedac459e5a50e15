"""What the handlers of a bench write. The tables are made by the bench itself."""

from django.db import models


class Volume(models.Model):
    """The batch handler's effect: one upsert for a batch."""

    user_id = models.BigIntegerField(primary_key=True)
    trades = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.trades}"


class Entry(models.Model):
    """The single handler's effect: one row for an event."""

    event_id = models.UUIDField()
    user_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.event_id} of user {self.user_id}"
