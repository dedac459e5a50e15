"""The event store, which is also the outbox; and the one lock before SQLite's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, connections, transaction

from events.envelope import Event, now
from events.models import StoredEvent
from events.rows import insert, insert_unknown, known_events
from events.transport.base import Append
from events.validation import as_said, encoded, publishable

Row = tuple[Any, ...]

_sqlite_writer = threading.RLock()
_thread = threading.local()

AWAY_SQLSTATES = ("57P", "08", "53")
"""PostgreSQL: shutdown, connection, resources (PostgreSQL documentation, appendix A)."""

REPEATABLE_SQLSTATES = ("40001", "40P01", "55P03", *AWAY_SQLSTATES)
"""Serialisation failure, deadlock and lock not available besides."""

DISK_FULL = "53100"

FULL_SQLITE = ("disk is full", "disk I/O")
REPEATABLE_SQLITE = ("is locked", "is busy", *FULL_SQLITE)


@contextmanager
def writing() -> Iterator[None]:
    """A transaction that writes.

    SQLite has one write lock and makes those who wait for it sleep in growing steps: with 17
    threads and 1 000 small transactions a second the slowest hundredth took 431 ms, and 4 ms when
    the threads of a process queue here first. PostgreSQL needs no such queue.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    deferred: list[Callable[[], None]] = []
    with _sqlite_writer:
        _thread.deferred = deferred
        try:
            with transaction.atomic():
                yield
        finally:
            _thread.deferred = None
    for callback in deferred:
        callback()


def after_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the present transaction is committed and no lock is held."""

    def committed() -> None:
        deferred: list[Callable[[], None]] | None = getattr(_thread, "deferred", None)
        if deferred is None:
            callback()
        else:
            deferred.append(callback)

    transaction.on_commit(committed)


def refresh_connections() -> None:
    """What a long-lived thread does before and after each unit of work.

    Like Django's close_old_connections(), which every request calls; but a SQLite connection that
    works is kept: opening one costs as much as a small transaction.
    """
    for opened in connections.all(initialized_only=True):
        if opened.vendor != "sqlite" or opened.errors_occurred:
            opened.close_if_unusable_or_obsolete()


def worth_repeating(error: BaseException) -> bool:
    """Whether a database error says nothing about the work: a lock, a deadlock, a lost server."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    state = str(getattr(error.__cause__, "sqlstate", "") or "")
    if state:
        return state.startswith(REPEATABLE_SQLSTATES)
    if not isinstance(error, OperationalError):
        return False
    text = str(error)
    lost = "connection" in text and connection.vendor == "postgresql"
    return lost or any(phrase in text for phrase in REPEATABLE_SQLITE)


def nobodys_fault(error: DatabaseError, *, handled: bool) -> bool:
    """Whether what refused a statement of ours lies outside all work here.

    Before a handler has run that is whatever is worth repeating but a conflict. Afterwards it may
    be the handler that has lost the connection or taken all locks; only a full disk is not. If it
    was the server, the next try fails before its handlers.
    """
    if not worth_repeating(error):
        return False
    state = str(getattr(error.__cause__, "sqlstate", "") or "")
    if handled:
        return state == DISK_FULL or any(words in str(error) for words in FULL_SQLITE)
    return not state or state.startswith(AWAY_SQLSTATES)


STORED = (
    "event_id", "event_type", "event_version", "domain", "entity_id", "correlation_id",
    "causation_id", "producer", "occurred_at", "stored_at", "relayed_at", "synthetic", "body",
)  # fmt: skip


def store(events: Sequence[Event]) -> tuple[list[Append], list[UUID]]:
    """Write events as rows still to be relayed; returns what to append and the ids already known.

    An id that is stored, or comes twice, is a duplicate: the first one stays. One query to look,
    one to write, whatever their number. Call it inside a transaction.
    """
    unique: dict[UUID, Event] = {}
    again: list[UUID] = []
    for event in events:
        if event.event_id in unique:
            again.append(event.event_id)
        else:
            unique[event.event_id] = event
    appends = store_new(list(unique.values()))
    new = {item.event_id for item in appends}
    return appends, [*(event_id for event_id in unique if event_id not in new), *again]


def store_new(events: Sequence[Event]) -> list[Append]:
    """Write events of different ids, those known already excepted; returns what to append.

    Raises InvalidEvent when one was changed after it was made and does not validate any more.
    """
    checked = [publishable(event) for event in events]
    at = now()
    new = insert_unknown(
        STORED,
        [_row(event, body, at, None) for event, body in checked],
        [event.event_id for event, _ in checked],
    )
    return [
        Append(event.get_stream_name(), event.event_id, body)
        for event, body in checked
        if event.event_id in new
    ]


def store_said(said: Sequence[tuple[Event, bytes]]) -> list[Append]:
    """Write events that handlers have said, with their bytes; what to append. One query.

    Their ids were made a moment ago: nobody can know them.
    """
    at = now()
    insert(StoredEvent, STORED, [_row(event, body, at, None) for event, body in said])
    return [Append(event.get_stream_name(), event.event_id, body) for event, body in said]


def remember(events: Sequence[Event]) -> int:
    """Store events that came in by the bus alone; those already stored stay as they are.

    Returns how many were new. Their rows count as relayed: the bus has them. What a handler was
    given in a newer version is stored in that it was said in.
    """
    by_id = {event.event_id: as_said(event) for event in events}
    known = known_events(by_id)
    at = now()
    rows = [
        _row(event, encoded(event), at, at)
        for event_id, event in by_id.items()
        if event_id not in known
    ]
    insert(StoredEvent, STORED, rows, unless_known=True)
    return len(rows)


def _row(event: Event, body: bytes, stored_at: datetime, relayed_at: datetime | None) -> Row:
    return (
        event.event_id,
        event.event_type,
        event.event_version,
        event.domain,
        event.entity_id,
        event.correlation_id,
        event.causation_id,
        event.producer,
        event.occurred_at,
        stored_at,
        relayed_at,
        event.synthetic,
        body.decode(),
    )
