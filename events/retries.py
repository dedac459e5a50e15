"""Waking retries when they are due."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence

from events import transport
from events.errors import BusRefused

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 5.0
"""How often all pairs are looked at, for retries that a process now dead has scheduled."""

AT_ONCE = 100
"""Most retries of a pair that are woken in one call; what is left follows at the next look."""


class Retries:
    """Knows when this process's retries are due, and looks after everybody else's now and then."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._due: list[tuple[float, str, str]] = []
        self._lock = threading.Lock()
        self._next_sweep = 0.0

    def expect(self, due_at: float, stream: str, group: str) -> None:
        """Note that a retry of this stream and group is due then (Unix seconds)."""
        with self._lock:
            heapq.heappush(self._due, (due_at, stream, group))

    def promote_due(
        self, *, everything: bool = False, unless: Callable[[str], bool] = lambda group: False
    ) -> int:
        """Move what is due to the retry streams, `unless` says no to its group; how many retries
        that were. What was left is found by a later look at all. Raises BusUnavailable."""
        streams = transport.current().streams
        now = time.time()
        chosen = self._pairs if everything or self._sweep_due() else self._expected(now)
        count = 0
        for stream, group in chosen:
            if unless(group):
                continue
            try:
                moved = streams.promote(stream, group, now, AT_ONCE)
            except BusRefused as error:  # the trouble of this pair alone
                logger.warning("group %s: retries of %s stay asleep: %s", group, stream, error)
                continue
            if moved >= AT_ONCE:
                self.expect(now, stream, group)  # there may be more
            count += moved
        return count

    def _sweep_due(self) -> bool:
        if time.monotonic() < self._next_sweep:
            return False
        self._next_sweep = time.monotonic() + SWEEP_EVERY_S
        return True

    def _expected(self, now: float) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        with self._lock:
            while self._due and self._due[0][0] <= now:
                _, stream, group = heapq.heappop(self._due)
                found.add((stream, group))
        return found
