from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """One handler's effect of one event; deliberately not unique: doubles must be seen."""

    event_id = models.UUIDField()
    group_name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.group_name} {self.event_id}"
