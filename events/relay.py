"""From the outbox to the bus: at once after the commit where it can, else by a leased job."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection, connections

from events import transport
from events.conf import bus_settings
from events.envelope import now, stream_name
from events.errors import BusUnavailable
from events.groups import every
from events.models import StoredEvent
from events.rows import Mark, mark_relayed
from events.store import writing
from events.transport.base import Append, Appended

logger = logging.getLogger(__name__)

BATCH = 500
"""Most rows one pass of the job takes from the outbox."""

GRACE = timedelta(seconds=1)
"""The job leaves rows this young to the process that wrote them, which is relaying them now."""

MARKS_AT_ONCE = 500
"""Most marks in one transaction: on SQLite others wait for its end."""

IDLE_FLUSHES = 50
"""Pauses without a mark after which the thread that writes them ends, and its connection."""

PAUSE_S = 1.0
"""After a failure no inline relay is tried for this long: publishing must not wait for a bus
that is down."""


@dataclass
class _Gate:
    """Whether relaying inline is worth a try in this process."""

    closed_until: float = 0.0

    def open(self) -> bool:
        return time.monotonic() >= self.closed_until

    def close(self) -> None:
        self.closed_until = time.monotonic() + PAUSE_S


class Marks:
    """Events that the bus has, to be marked so in SQL.

    Together, a few times a second, by a thread of their own: a transaction for every batch's marks
    cost as much as the batch. A mark that is lost with its process makes the relay append the event
    once more, which the bus takes for the duplicate it is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Mark] = []
        self._flusher: threading.Thread | None = None

    def add(self, appended: Sequence[Appended]) -> None:
        """The bus has these since now. Raises DatabaseError where marks are written at once."""
        every_s = bus_settings().mark_every_s
        if not every_s:
            _mark(_marks(appended))
            return
        with self._lock:
            self._waiting += _marks(appended)
            if self._flusher is None:
                self._flusher = threading.Thread(
                    target=self._keep_flushing, args=(every_s,), name="marks", daemon=True
                )
                self._flusher.start()

    def flush(self) -> None:
        """Write the marks that wait. What SQL does not take waits on, and is raised."""
        with self._lock:
            marks, self._waiting = self._waiting, []
        try:
            for start in range(0, len(marks), MARKS_AT_ONCE):
                _mark(marks[start : start + MARKS_AT_ONCE])
        except DatabaseError:
            with self._lock:
                self._waiting += marks
            raise

    def take_along(self) -> None:
        """Write the marks that wait in the caller's transaction, on SQLite, where each transaction
        costs the one lock. Rolled back with it, they are lost, which is safe (see above)."""
        if connection.vendor != "sqlite" or not self._waiting:
            return
        with self._lock:
            marks, self._waiting = self._waiting[:MARKS_AT_ONCE], self._waiting[MARKS_AT_ONCE:]
        mark_relayed(marks)

    def _keep_flushing(self, every_s: float) -> None:
        """Flush until a whole pause has brought nothing; the next `add` starts anew."""
        idle = 0
        while not self._is_over(idle):
            time.sleep(every_s)
            idle = 0 if self._waiting else idle + 1
            try:
                self.flush()
            except DatabaseError as error:
                logger.warning("marks wait: %s", error)
            except Exception:
                logger.exception("marks wait: writing them failed")
        connections.close_all()

    def _is_over(self, idle: int) -> bool:
        with self._lock:
            if idle < IDLE_FLUSHES or self._waiting:
                return False
            self._flusher = None
            return True


def _marks(appended: Sequence[Appended]) -> list[Mark]:
    at = now()
    return [(item.event_id, at, item.entry_id or "") for item in appended]


def _mark(marks: Sequence[Mark]) -> None:
    with writing():
        mark_relayed(marks)


_gate = _Gate()
marks = Marks()


@atexit.register
def _flush_at_the_end() -> None:
    """The last marks of a process that ends by itself; what fails here is relayed once more."""
    with suppress(DatabaseError, ImproperlyConfigured):
        marks.flush()


def reopen() -> None:
    """Try the bus again at the next publish, whatever happened before."""
    _gate.closed_until = 0.0


def after_commit(appends: Sequence[Append]) -> None:
    """Relay what was just committed. It is safe: what fails here is left to the job, not raised."""
    if not appends or not _gate.open():
        return
    try:
        relay(appends, together=True)
    except BusUnavailable as error:
        _gate.close()
        logger.warning("%d events wait in SQL: %s", len(appends), error)
    except DatabaseError as error:
        logger.warning("%d events are relayed once more, SQL took no mark: %s", len(appends), error)


def relay(appends: Sequence[Append], *, together: bool = False) -> None:
    """Append events to their streams and mark them; one appended twice stands there once.

    One append call per stream. Marks at once, or with `together` when `marks` is flushed: the job
    must not, it would find the same rows again. Raises BusUnavailable and marks nothing.
    """
    appended = transport.current().streams.append(appends)
    if together:
        marks.add(appended)
    else:
        _mark(_marks(appended))


@every(0.2, name="relay")
def relay_waiting() -> None:
    """Relay what waits in the outbox, oldest first, until nothing of age is left."""
    while appends := _waiting():
        relay(appends)


def _waiting() -> list[Append]:
    """The oldest rows that still have to reach the bus."""
    rows = StoredEvent.objects.filter(relayed_at=None, stored_at__lt=now() - GRACE)
    fields = rows.order_by("seq").values_list("event_type", "event_version", "event_id", "body")
    return [
        Append(stream_name(event_type, version), event_id, body.encode())
        for event_type, version, event_id, body in fields[:BATCH]
    ]
