"""From the outbox to the bus: at once after the commit where it can, else by a leased job."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import Error as DatabaseError

from events import transport
from events.envelope import now, stream_name
from events.errors import BusUnavailable
from events.groups import every
from events.models import StoredEvent
from events.rows import mark_relayed
from events.store import writing
from events.transport.base import Append

logger = logging.getLogger(__name__)

BATCH = 500
"""Most rows one pass of the job takes from the outbox."""

GRACE = timedelta(seconds=1)
"""The job leaves rows this young to the process that wrote them, which is relaying them now."""

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
    """Ids of events that the bus has, to be marked so in SQL.

    At once, or together by somebody who calls `flush` often: in a worker a transaction for every
    batch's marks cost as much as the batch. A mark that is lost with its process makes the relay
    append the event once more, which the bus takes for the duplicate it is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[UUID, datetime]] = []
        self._together = False

    def add(self, event_ids: Sequence[UUID]) -> None:
        """The bus has these since now."""
        at = now()
        marks = [(event_id, at) for event_id in event_ids]
        if not self._together:
            _mark(marks)
            return
        with self._lock:
            self._waiting += marks

    def together(self, wanted: bool) -> None:
        """Whether marks wait for `flush`."""
        self._together = wanted

    def flush(self) -> None:
        """Write the marks that wait. What SQL does not take waits on."""
        with self._lock:
            marks, self._waiting = self._waiting, []
        try:
            for start in range(0, len(marks), BATCH):
                _mark(marks[start : start + BATCH])
        except DatabaseError:
            with self._lock:
                self._waiting += marks
            raise


def _mark(marks: Sequence[tuple[UUID, datetime]]) -> None:
    with writing():
        mark_relayed(marks)


_gate = _Gate()
marks = Marks()


def reopen() -> None:
    """Try the bus again at the next publish, whatever happened before."""
    _gate.closed_until = 0.0


def after_commit(rows: Sequence[StoredEvent]) -> None:
    """Relay rows just committed. They are safe: what fails here is left to the job, not raised."""
    if not rows or not _gate.open():
        return
    try:
        relay(rows, together=True)
    except BusUnavailable as error:
        _gate.close()
        logger.warning("%d events wait in SQL: %s", len(rows), error)
    except DatabaseError as error:
        logger.warning("%d events are relayed once more, SQL took no mark: %s", len(rows), error)


def relay(rows: Sequence[StoredEvent], *, together: bool = False) -> None:
    """Append rows to their streams and mark them; a row appended twice stands there once.

    One append call per stream. Marks at once, or with `together` when `marks` is flushed: the job
    must not, it would find the same rows again. Raises BusUnavailable and marks nothing.
    """
    transport.current().streams.append(
        [
            Append(stream_name(row.event_type, row.event_version), row.event_id, row.body.encode())
            for row in rows
        ]
    )
    event_ids = [row.event_id for row in rows]
    if together:
        marks.add(event_ids)
    else:
        _mark([(event_id, now()) for event_id in event_ids])


@every(0.2, name="relay")
def relay_waiting() -> None:
    """Relay what waits in the outbox, oldest first, until nothing of age is left."""
    while True:
        rows = list(
            StoredEvent.objects.filter(relayed_at=None, stored_at__lt=now() - GRACE).order_by(
                "seq"
            )[:BATCH]
        )
        if not rows:
            return
        relay(rows)
