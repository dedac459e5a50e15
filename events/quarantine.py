"""Whose turn it is to run what was taken over from other workers."""

from __future__ import annotations

import threading


class Quarantine:
    """Lets one entry at a time run of those that were taken over from other workers.

    One of them may be what killed its worker: whatever was begun beside it in this process would be
    counted as guilty too. Shared by all groups of a process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: object | None = None

    def enter(self, who: object) -> bool:
        """Take the turn; False while another has it."""
        with self._lock:
            if self._holder is None:
                self._holder = who
            return self._holder is who

    def leave(self, who: object) -> None:
        """Give the turn back, if it is theirs."""
        with self._lock:
            if self._holder is who:
                self._holder = None

    def is_open(self, who: object) -> bool:
        """Whether they could enter now."""
        return self._holder is None or self._holder is who
