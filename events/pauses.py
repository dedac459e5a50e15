"""Which groups an operator has paused, as one process knows it."""

from __future__ import annotations

import logging
import threading

from django.db import Error as DatabaseError
from django.db import connections

from events.models import PausedGroup

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""How soon a worker knows that a group was paused or resumed; a small statement a process."""

FIRST_LOOK_S = 1.0
"""How long a worker that starts waits to be told before it opens its lanes."""


class Pauses:
    """What was last read. A database that is away changes nothing.

    Until it has answered for the first time every group counts as paused: nobody could handle
    anything, and a restart must not undo a pause.
    """

    def __init__(self) -> None:
        self._names: frozenset[str] | None = None
        self._known = threading.Event()

    def include(self, group: str) -> bool:
        """Whether the group is paused, as far as this process knows."""
        return self._names is None or group in self._names

    def look(self) -> bool:
        """Read it anew: one statement. Raises nothing; False where the database does not answer."""
        try:
            rows = PausedGroup.objects.values_list("group_name", flat=True)
            self._names = frozenset(rows)
            self._known.set()
        except DatabaseError as error:
            logger.debug("which groups are paused is not known anew: %s", error)
            return False
        return True

    def watch(self, stop: threading.Event) -> threading.Thread:
        """Look every LOOK_EVERY_S in a thread of its own, until `stop`; returns once it is known
        for the first time, or after FIRST_LOOK_S.

        The thread that keeps leases must not wait for SQL.
        """
        thread = threading.Thread(target=self._watch, args=(stop,), name="pauses", daemon=True)
        thread.start()
        self._known.wait(FIRST_LOOK_S)
        return thread

    def _watch(self, stop: threading.Event) -> None:
        while True:
            if not self.look():
                connections.close_all()
            if stop.wait(LOOK_EVERY_S):
                break
        connections.close_all()
