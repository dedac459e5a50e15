"""Entries of one group that are not to be run, until their dead letters are written and settled."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from django.db import Error as DatabaseError

from events.errors import BusRefused, BusUnavailable
from events.execution import Execution
from events.store import refresh_connections, worth_repeating
from events.transport.base import GroupMissing, Settlement
from events.units import Unfit

logger = logging.getLogger(__name__)

AGAIN_S = 2.0
"""Wait after SQL or the bus has refused one."""

MOST_UNFIT = 100
"""Entries that may wait here before their group reads no more."""


class Aside:
    """What waits here is held and renewed; what can be run does not wait for it.

    `settle` acknowledges settlements and lets their entries go. Used by the lane's thread alone.
    """

    def __init__(
        self, group: str, execution: Execution, settle: Callable[[Sequence[Settlement]], None]
    ) -> None:
        self._group = group
        self._execution = execution
        self._settle = settle
        self._unfit: deque[Unfit] = deque()
        self._written: list[Settlement] = []
        """Their dead letters are written."""
        self.next_at = 0.0
        """Monotonic time from which it is tried again."""

    def __len__(self) -> int:
        return len(self._unfit) + len(self._written)

    def add(self, unfit: Unfit) -> None:
        """Let it wait for `work_off`."""
        self._unfit.append(unfit)

    def clear(self) -> None:
        """Forget all: their leases end, and they come again."""
        self._unfit.clear()
        self._written = []

    def work_off(self) -> None:
        """Write the letters, and settle; what is refused stays, and is tried again."""
        if not len(self) or time.monotonic() < self.next_at:
            return
        refresh_connections()
        refused, unsettled = self._write(), self.settle()
        if trouble := refused or unsettled:
            logger.warning("group %s: dead letters wait: %s", self._group, trouble)
            self.next_at = time.monotonic() + AGAIN_S

    def _write(self) -> Exception | None:
        """Try each once; why one was refused, if any was."""
        trouble: Exception | None = None
        for _ in range(len(self._unfit)):
            unfit = self._unfit.popleft()
            try:
                self._written.append(self._execution.set_aside(unfit))
            except DatabaseError as error:
                self._unfit.append(unfit)
                trouble = error
                if worth_repeating(error):  # the next one would wait as long
                    break
        return trouble

    def settle(self) -> Exception | None:
        """Acknowledge what has its dead letter; why not, if so."""
        if not self._written:
            return None
        try:
            self._settle(self._written)
        except (BusUnavailable, BusRefused, GroupMissing) as error:
            return error
        self._written = []
        return None
