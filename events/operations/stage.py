"""Where handlers run without leaving a trace: a thread and a transaction that never commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection, connections, transaction

from events.bus import capturing
from events.conf import bus_settings
from events.envelope import Event, now
from events.errors import Refused
from events.execution import Execution
from events.failures import Wait as Later
from events.failures import decide, describe, traceback_text
from events.groups import Group, Handler
from events.limits import TimeLimit
from events.models import HandledEvent
from events.operations.witness import Rows, Witness
from events.privacy import masked, masked_text
from events.retry import RetryPolicy
from events.tasks import Task
from events.transport.base import Delivery
from events.units import Contention, Unfit, UnitFailed

LONGEST_S = 5.0
"""How long the handlers may run: on SQLite nobody else can write in that time."""

GRACE_S = 2.0
"""What cannot be stopped in this time after that loses its connection."""

LOOK_EVERY_S = 0.02

MOST_SHOWN = 100
"""Most events and tables one rehearsal tells of; what it leaves out is counted."""

Outcome = Literal["handled", "failed", "too long"]

_stage = threading.Lock()
"""One rehearsal at a time in a process."""


class Busy(Refused):
    """Something is in the way that is gone in a moment."""


@dataclass(frozen=True, slots=True)
class WouldSay:
    """An event the handlers would say; sensitive values masked."""

    event_type: str
    entity_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of one event, without anything having become of it.

    handled   the handlers returned, and the database took what they wrote
    failed    one raised; `error_class`, `message` and `traceback` say what
    too long  it was stopped after LONGEST_S: a worker gives it more, nobody knows what comes then
    """

    group: str
    event_id: UUID | None
    event_type: str
    at: datetime
    outcome: Outcome = "handled"
    handlers: tuple[str, ...] = ()
    """Those that take the event; none where all of them leave it alone."""
    said: tuple[WouldSay, ...] = ()
    said_count: int = 0
    rows: tuple[Rows, ...] = ()
    statements: int = 0
    took_s: float = 0.0
    failed_in: str = ""
    """The handler that raised; empty where the database refused what they wrote together."""
    error_class: str = ""
    message: str = ""
    traceback: str = ""
    retried: bool = False
    """A worker would try again by itself before it is a dead letter."""
    already_handled: bool = False
    """The inbox knows it: a replay is closed without anything being run."""
    edited: bool = False
    """It ran on a payload that an operator has changed."""

    def as_json(self) -> dict[str, Any]:
        """For a row that remembers it, and for a terminal; ids and times as strings."""
        told = asdict(self)
        event_id = str(self.event_id) if self.event_id else None
        return {**told, "event_id": event_id, "at": self.at.isoformat()}


def rehearsed(group: Group, stream: str, event_id: UUID | None, body: bytes) -> Rehearsal:
    """The rehearsal itself, for those who have asked for permission and write the audit.

    Call it outside any transaction: it has one of its own, in a thread of its own, as a lane of a
    worker has. Raises Refused.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a rehearsal cannot see into a transaction, and must not wait for it")
    if not _stage.acquire(timeout=LONGEST_S):
        raise Busy("Another rehearsal is under way in this process: try again in some seconds.")
    delivery = Delivery(stream, "0-0", str(event_id or ""), body, redelivered=True)
    return _Rehearser(group, event_id, delivery).perform()


class _Curtain(TimeLimit):
    """Handlers run for their own time, but together no longer than a rehearsal may take."""

    def __init__(self) -> None:
        super().__init__()
        self.ends_at = time.monotonic() + LONGEST_S

    def begin(self, seconds: float, what: str) -> float:
        """From now on this thread may run for `seconds`, or for what is left."""
        return super().begin(max(0.0, min(seconds, self.ends_at - time.monotonic())), what)


@dataclass
class _Rehearser:
    """One rehearsal: a thread that performs it, and the caller's, which ends it in time."""

    group: Group
    event_id: UUID | None
    delivery: Delivery
    _curtain: _Curtain | None = None
    """None until the transaction has begun: SQLite may be locked for longer than it runs."""
    _raw: Any = None
    """The driver's connection."""
    _found: Rehearsal | None = None
    _refused: BaseException | None = None
    _witness: Witness = field(default_factory=Witness)

    def perform(self) -> Rehearsal:
        """What it has come to, LONGEST_S and GRACE_S after its transaction began at the latest."""
        thread = threading.Thread(target=self._run, name="rehearsal", daemon=True)
        thread.start()
        while thread.is_alive() and not self._is_over():
            thread.join(LOOK_EVERY_S)
            if self._curtain and self._curtain.enforce() and connection.vendor == "sqlite":
                self._raw.interrupt()  # a statement runs in C; PostgreSQL has its own limit
        if thread.is_alive():
            self._cut()
            return self._blank(outcome="too long", message=_too_long(self.group))
        if self._found is not None:  # what failed afterwards was rolling it back: it is lost anyway
            return self._found
        raise self._refused or RuntimeError("a rehearsal has come to nothing")

    def _is_over(self) -> bool:
        return self._curtain is not None and time.monotonic() > self._curtain.ends_at + GRACE_S

    def _cut(self) -> None:
        """Take the connection from a thread that waits in C: what it has locked is free again."""
        with suppress(Exception):  # the driver's own errors
            self._raw.close()

    def _run(self) -> None:
        try:
            with capturing() as published, transaction.atomic():
                try:
                    self._found = self._rolled_back(published)
                finally:
                    transaction.set_rollback(True)
        except DatabaseError as error:
            self._refused = Busy(f"SQL cannot be written to now: {error}. Try again.")
        except BaseException as error:  # noqa: BLE001  raised again where it was asked for
            self._refused = error
        finally:
            with suppress(DatabaseError):
                connections.close_all()
            _stage.release()

    def _rolled_back(self, published: list[Event]) -> Rehearsal:
        self._raw, self._curtain = connection.connection, _Curtain()
        if connection.vendor == "postgresql":  # a handler that waits for a lock waits in C
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(LONGEST_S * 1000)}")
        execution = Execution(self.group, "rehearsal", bus_settings(), self._curtain)
        known = self._is_known()
        with connection.execute_wrapper(self._witness):
            task = execution.decoded(self.delivery)
            if isinstance(task, Unfit):
                return self._failed(task.event, (), None, task.error, published)
            _check_inside(self.group, task)
            return replace(self._performed(execution, task, published), already_handled=known)

    def _is_known(self) -> bool:
        """Whether the inbox has it; asked before the handlers, which may break the transaction."""
        if self.event_id is None:
            return False
        marks = HandledEvent.objects.filter(group__name=self.group.name, event_id=self.event_id)
        return marks.exists()

    def _performed(self, execution: Execution, task: Task, published: list[Event]) -> Rehearsal:
        handler: Handler | None = None
        began = time.perf_counter()
        try:
            execution.run([task], LONGEST_S)
            _check_constraints(self._witness)
        except UnitFailed as failed:
            error, handler = failed.error, failed.handler
        except (Contention, DatabaseError) as refused:
            error = refused
        else:
            said = [*task.context.said, *published]
            return self._told(task.event, task.handlers, said, time.perf_counter() - began)
        found = self._failed(task.event, task.handlers, handler, error, published)
        return replace(found, took_s=time.perf_counter() - began)

    def _failed(
        self,
        event: Event | None,
        handlers: tuple[Handler, ...],
        handler: Handler | None,
        error: BaseException,
        published: Iterable[Event],
    ) -> Rehearsal:
        """What it has come to when something was raised: nothing is said or written then."""
        if self._curtain and time.monotonic() >= self._curtain.ends_at:
            found = self._told(event, handlers, (), 0.0)
            return replace(found, outcome="too long", message=_too_long(self.group), rows=())
        error_class, message = describe(error)
        policy = handler.policy if handler else RetryPolicy()
        return replace(
            self._told(event, handlers, (), 0.0),
            outcome="failed",
            rows=(),
            failed_in=handler.name if handler else "",
            error_class=error_class,
            message=_veiled(message, event, published),
            traceback=_veiled(traceback_text(error), event, published),
            retried=isinstance(decide(error, policy, 1), Later),
        )

    def _told(
        self,
        event: Event | None,
        handlers: tuple[Handler, ...],
        said: Iterable[Event],
        took_s: float,
    ) -> Rehearsal:
        events = list(said)
        return replace(
            self._blank(),
            event_id=event.event_id if event else None,
            event_type=event.event_type if event else "",
            handlers=tuple(handler.name for handler in handlers),
            said=tuple(
                WouldSay(one.event_type, one.entity_id, masked(one)) for one in events[:MOST_SHOWN]
            ),
            said_count=len(events),
            rows=self._witness.rows[:MOST_SHOWN],
            statements=self._witness.statements,
            took_s=took_s,
        )

    def _blank(self, **facts: Any) -> Rehearsal:
        return Rehearsal(self.group.name, None, "", now(), **facts)


def _too_long(group: Group) -> str:
    return (
        f"It ran longer than {LONGEST_S:g} s, the most a rehearsal may take, and was stopped; a "
        f"worker of {group.name} may give it more time."
    )


def _veiled(text: str, event: Event | None, published: Iterable[Event]) -> str:
    for one in (event, *published):
        text = masked_text(text, one)
    return text


def _check_inside(group: Group, task: Task) -> None:
    """Refuse what would call the outside world: that cannot be rolled back."""
    external = [handler.name for handler in task.handlers if handler.external]
    if external:
        raise Refused(
            f"{' and '.join(external)} of {group.name} calls the outside world, which cannot be "
            "rolled back: it cannot be rehearsed. Replay it, if that may be called again."
        )


def _check_constraints(witness: Witness) -> None:
    """Ask for what the database would check at the commit. Raises IntegrityError.

    On SQLite that reads the tables that were written and have references, from end to end.
    """
    if connection.vendor != "sqlite":
        connection.check_constraints()
        return
    relations = connection.introspection.get_relations
    with connection.cursor() as cursor:
        referring = [table for table in witness.tables if relations(cursor, table)]
    if referring:
        connection.check_constraints(table_names=referring)
