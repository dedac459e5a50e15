"""What the console itself remembers: measurements, so that it can show rates and trends."""

from __future__ import annotations

from django.db import models


class Sample(models.Model):
    """One measurement of the whole. Coarser rows are kept longer; see `samples.KEPT_S`."""

    at = models.DateTimeField()
    resolution_s = models.PositiveSmallIntegerField()
    """How far apart rows of this kind are, in seconds."""
    needs = models.PositiveSmallIntegerField(default=0)
    """How many things needed attention then."""
    values = models.TextField()
    """`samples.Values` as JSON."""

    class Meta:
        indexes = [models.Index(fields=["resolution_s", "at"], name="sample_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} every {self.resolution_s} s"
