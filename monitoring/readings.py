"""The newest snapshot this process has: shared by all its pages, taken anew when it is too old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from django.utils import timezone

from events.queries.snapshot import Snapshot, take

FRESH_S = 2.0
"""A page accepts a snapshot up to this old: a person reloading does not see the difference."""

AWAY_FRESH_S = 5.0
"""A bus that did not answer is asked again after this long: asking may take as long as that."""


class Readings:
    """One snapshot for everybody; one thread at a time takes the next."""

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self._read = read
        self._lock = Lock()
        self._newest: Snapshot | None = None
        self._read_at = timezone.now()
        self._bus_seen_at: datetime | None = None

    def current(self, max_age_s: float = FRESH_S) -> Snapshot:
        """A snapshot of at most this age, or an older one while another thread takes it.

        So a bus that does not answer holds up one request, not all of them.
        """
        newest = self._newest
        if newest is not None and self._is_fresh(newest, max_age_s):
            return newest
        if not self._lock.acquire(blocking=newest is None):
            return newest or self.current(max_age_s)
        try:
            return self._take(max_age_s)
        finally:
            self._lock.release()

    @property
    def bus_seen_at(self) -> datetime | None:
        """When this process last saw the bus answer."""
        return self._bus_seen_at

    def forget(self) -> None:
        """Take a new snapshot the next time, whatever the age of this one."""
        self._newest = None

    def _take(self, max_age_s: float) -> Snapshot:
        newest = self._newest
        if newest is None or not self._is_fresh(newest, max_age_s):
            newest = self._newest = self._read()
            self._read_at = timezone.now()
            if newest.bus.reachable:
                self._bus_seen_at = newest.at
        return newest

    def _is_fresh(self, snapshot: Snapshot, max_age_s: float) -> bool:
        if not snapshot.bus.reachable:
            return timezone.now() - self._read_at <= timedelta(seconds=max(max_age_s, AWAY_FRESH_S))
        return timezone.now() - snapshot.at <= timedelta(seconds=max_age_s)


readings = Readings(take)
