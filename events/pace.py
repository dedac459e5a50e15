"""How much a group reads at a time: few of what is slow, so that its other workers get some, and
many of what is fast, whose round trips would cost most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import attrgetter

from events.transport.base import Delivery

ROUND_S = 0.05
"""A read brings about as many entries as were run in this time."""

LEAST_READ, MOST_READ = 10, 400
"""Entries of a read, judged by the last one."""

MOST_AT_ONCE = 4_000
"""Entries of a read in which every stream of the group has more than was asked for: the server
counts for each stream, and an analytics group reads a hundred."""


_source = attrgetter("stream", "retry")


class Pace:
    """Adapts the number of entries asked of each stream to how long the last read took to run."""

    def __init__(self, batch_size: int, streams: int) -> None:
        self._most = MOST_READ if batch_size > LEAST_READ else batch_size
        self._most_each = max(1, MOST_AT_ONCE // max(streams, 1))
        self._several = streams > 1
        self.count = min(batch_size, self._most_each)
        """Entries to ask for, of each stream."""
        self.was_full = False
        """The last read brought as much as was asked for: there may be more."""
        self.read_at = 0.0
        """Monotonic time of the last read that brought something."""
        self._found = self._answered = 0

    def read(self, found: Sequence[Delivery]) -> None:
        """A read has brought these."""
        self.read_at = time.monotonic()
        self.was_full = len(found) >= self.count
        self._found = len(found)
        self._answered = len(set(map(_source, found))) if self._several else 1

    def follow(self) -> None:
        """What the last read brought is run: let the next one bring what fits into ROUND_S, from
        as many streams as have answered."""
        if not self._found:
            return
        took_s = max(time.monotonic() - self.read_at, 0.000_1)
        fits = min(int(self._found * ROUND_S / took_s), self._most)
        least = min(LEAST_READ, self._most)
        self.count = min(max(1, max(fits, least) // self._answered), self._most_each)
        self._found = 0
