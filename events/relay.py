"""From the outbox to the bus: at once after the commit where it can, else by a leased job."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import groupby

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection, connections

from events import crash, transport
from events.conf import bus_settings
from events.envelope import now
from events.errors import BusRefused, BusUnavailable
from events.groups import every
from events.outbox import Outbox
from events.pressure import gauge
from events.rows import Mark, mark_relayed
from events.store import writing
from events.transport.base import Append, Appended, Streams

logger = logging.getLogger(__name__)

BATCH = 500
"""Most rows one pass of the job takes from the outbox."""

GRACE = timedelta(seconds=1)
"""The job leaves rows this young to the process that wrote them, which is relaying them now."""

MARKS_AT_ONCE = 500
"""Most marks in one transaction: on SQLite others wait for its end."""

IDLE_FLUSHES = 50
"""Pauses without a mark after which the thread that writes them ends, and its connection."""

PASS_S = 2.0
"""How long one run of the job goes on while it finds rows; its lease is 5 s."""

PAUSE_S = 1.0
"""After a failure no inline relay is tried for this long: publishing must not wait for a bus
that is down."""


class _Gate:
    """Whether relaying inline is worth a try in this process.

    After a failure one caller in PAUSE_S tries, the others do not wait for what it finds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_until: float | None = None

    def enter(self) -> bool:
        if self._closed_until is None:
            return True
        with self._lock:
            if self._closed_until is not None and time.monotonic() < self._closed_until:
                return False
            self.close()
            return True

    def close(self) -> None:
        self._closed_until = time.monotonic() + PAUSE_S

    def open(self) -> None:
        self._closed_until = None


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
_outbox = Outbox()
marks = Marks()


@atexit.register
def _flush_at_the_end() -> None:
    """The last marks of a process that ends by itself; what fails here is relayed once more."""
    with suppress(DatabaseError, ImproperlyConfigured):
        marks.flush()


def reopen() -> None:
    """Try the bus again at the next publish, whatever happened before."""
    _gate.open()


def after_commit(appends: Sequence[Append]) -> None:
    """Relay what was just committed. It is safe: what fails here is left to the job, not raised.

    So is what the bus has little room for. A bus that hangs is waited for `transport.HASTY_S`, by
    one caller in PAUSE_S.
    """
    if not appends or not _gate.enter():
        return
    crash.here("after-commit-before-relay")
    try:
        pressure = gauge.pressure({item.stream for item in appends})
        ready = [item for item in appends if not pressure.on(item.stream)]
        if ready:
            _relay(transport.hasty().streams, ready, together=True)
    except BusUnavailable as error:
        _gate.close()
        logger.warning("%d events wait in SQL: %s", len(appends), error)
        return
    except BusRefused as error:
        logger.warning("%d events wait in SQL for the relay: %s", len(appends), error)
    except DatabaseError as error:
        logger.warning("%d events are relayed once more, SQL took no mark: %s", len(appends), error)
    _gate.open()


def relay(appends: Sequence[Append]) -> None:
    """Append events to their streams and mark them at once; one appended twice stands there once.

    One append call per stream. Raises BusUnavailable, or BusRefused where the server refuses an
    event for itself, and marks nothing: what stands there is found to be a duplicate next time.
    """
    _relay(transport.current().streams, appends, together=False)


def _relay(streams: Streams, appends: Sequence[Append], *, together: bool) -> None:
    """With `together` the marks may wait: the job's must not, it would find the same rows again."""
    replicas = bus_settings().relay_replicas
    appended = streams.append(appends, replicas=replicas) if replicas else streams.append(appends)
    crash.here("after-append-before-mark")
    if together:
        marks.add(appended)
    else:
        _mark(_marks(appended))


@every(0.2, name="relay")
def relay_waiting() -> None:
    """Relay what waits in the outbox, oldest first, until nothing of age is left or the time is up.

    What the server refuses for itself blocks nothing behind it; where there is little room it
    trickles. Raises BusUnavailable.
    """
    ends_at = time.monotonic() + PASS_S
    _outbox.begin()
    more = True
    while more and time.monotonic() < ends_at:
        ready, more = _outbox.next(BATCH, now() - GRACE)
        if ready:
            _send(ready)


def _send(appends: Sequence[Append]) -> None:
    """Relay rows together; where one is refused, each stream by itself."""
    try:
        relay(appends)
    except BusRefused:
        by_stream = sorted(appends, key=lambda item: item.stream)
        for _, members in groupby(by_stream, key=lambda item: item.stream):
            _send_stream(list(members))


def _send_stream(appends: Sequence[Append]) -> None:
    """Relay rows of one stream; where one is refused, each by itself."""
    try:
        relay(appends)
        _outbox.taken(appends)
    except BusRefused:
        for item in appends:
            if not _outbox.is_aside(item):
                _send_one(item)


def _send_one(item: Append) -> None:
    try:
        relay([item])
        _outbox.taken([item])
    except BusRefused as error:
        _outbox.refused(item, error)
