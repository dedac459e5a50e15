"""One batch through the pipeline: decode, already done?, run, decide, record.

What comes out are settlements; acknowledging them is the worker's last step.
"""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError, connection

from events import relay
from events.conf import BusSettings
from events.dead_letters import Burial, bury, resolve
from events.envelope import Event, now
from events.errors import InvalidEvent, Reject
from events.failures import (
    Bury,
    Wait,
    decide,
    describe,
    fingerprint,
    innermost_frame,
    traceback_text,
)
from events.faults import Faults
from events.groups import Group, Handler
from events.models import ConsumerGroup, HandledEvent
from events.registry import Payload
from events.retry import RetryPolicy
from events.rows import insert, settled
from events.store import (
    after_commit,
    refresh_connections,
    store_new,
    worth_repeating,
    writing,
)
from events.transport.base import Delivery, Failure, Handled, RetryLater, Settlement
from events.validation import canonical, payload_of

MAX_DURATION_US = 2_147_483_647

HANDLER_ERRORS = (Exception, SystemExit, CancelledError)
"""What a handler may fail with: one that calls sys.exit() must not end the group's thread."""


@dataclass
class Context:
    """What a handler is given beside the event."""

    event: Event
    payload: Any
    """The payload as an instance of its registered model."""
    attempt: int
    """1 is the first."""
    deadline_at: datetime
    """When the lease of the entry ends unless it is renewed."""
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    producer: str
    max_depth: int
    said: list[Event] = field(default_factory=list)

    def caused(
        self, event_type: str, data: dict[str, Any], *, entity_id: str | None = None
    ) -> Event:
        """Say that something follows from this event; published with the handler's own effects.

        Raises InvalidEvent when it does not validate, Reject when the chain has grown too long.
        """
        if self.event.depth >= self.max_depth:
            raise Reject(
                f"the chain is {self.event.depth} events deep, more than {self.max_depth} "
                "is taken for a loop"
            )
        event = self.event.caused(event_type, data, producer=self.producer, entity_id=entity_id)
        self.said.append(event)
        return event


@dataclass
class Task:
    """An event on its way through the pipeline."""

    delivery: Delivery
    event: Event
    context: Context
    handlers: tuple[Handler, ...]
    took_us: int = 0

    @property
    def external(self) -> bool:
        return any(handler.external for handler in self.handlers)

    @property
    def event_id(self) -> UUID:
        return self.event.event_id


class UnitFailed(Exception):
    """A handler raised, or what it wrote was refused: the transaction is rolled back."""

    def __init__(self, handler: Handler | None, error: BaseException) -> None:
        super().__init__(*describe(error))
        self.handler = handler
        """None when it was the commit that failed."""
        self.error = error


class Contention(Exception):
    """SQL was locked, deadlocked or away: repeat the work, nothing is held against it."""


class Execution:
    """Runs one group's events in one thread."""

    def __init__(self, group: Group, worker: str, settings: BusSettings) -> None:
        self.group = group
        self.worker = worker
        self._settings = settings
        self._faults = Faults.parse(settings.faults)
        self._producer = f"{group.name}@{settings.version}"
        self._logger = logging.getLogger(f"events.group.{group.name}")
        self._group_id: int | None = None
        self.dead = 0
        """Dead letters written since the start."""

    def run(self, deliveries: Sequence[Delivery]) -> Iterator[list[Settlement]]:
        """Handle deliveries, a transaction at a time; yields what to settle after each.

        Raises Contention when SQL is away: what was not yielded yet is to be run again.
        """
        refresh_connections()
        try:
            tasks: list[Task] = []
            for delivery in deliveries:
                found = self._decoded(delivery)
                if isinstance(found, Task):
                    tasks.append(found)
                else:
                    yield [found]
            while tasks:
                settled, count = self._unit(tasks)
                tasks = tasks[count:]
                yield settled
        finally:
            refresh_connections()

    def _decoded(self, delivery: Delivery) -> Task | Settlement:
        event: Event | None = None
        try:
            event = canonical(Event.from_json(delivery.body))
            task = Task(delivery, event, self._context(delivery, event), self._wanting(event))
        except InvalidEvent as error:
            kind = "permanent" if event else "poison"
            return self._bury(delivery, event, kind, error, ())
        if delivery.starts > self._settings.poison_starts:
            error_text = (
                f"its handling was begun {delivery.starts - 1} times and never ended: "
                "the worker died each time"
            )
            return self._bury(delivery, event, "poison", Poison(error_text), task.handlers)
        return task

    def _wanting(self, event: Event) -> tuple[Handler, ...]:
        return tuple(handler for handler in self.group.handlers if handler.wants(event))

    def _context(self, delivery: Delivery, event: Event) -> Context:
        payload: Payload = payload_of(event)
        return Context(
            event=event,
            payload=payload,
            attempt=delivery.attempt,
            deadline_at=now() + timedelta(seconds=self._settings.lease_s),
            logger=self._logger,
            producer=self._producer,
            max_depth=self._settings.max_depth,
        )

    def _unit(self, tasks: Sequence[Task]) -> tuple[list[Settlement], int]:
        """Run the first tasks in one transaction; what to settle, and how many that were."""
        unit = _first_unit(tasks)
        try:
            count = self._together(unit)
            return [Handled(task.delivery) for task in unit[:count]], count
        except UnitFailed as raised:
            failed = raised
        # Outside the handler above, or every later traceback would begin with this one.
        # A lost race for the inbox looks like this too: running again then finds the mark.
        if len(unit) == 1 and not isinstance(failed.error, IntegrityError):
            return [self._failed(unit[0], failed)], 1
        return [self._alone(task) for task in unit], len(unit)

    def _alone(self, task: Task) -> Settlement:
        """Run one task in a transaction of its own, so that only the guilty one suffers."""
        try:
            self._together([task])
        except UnitFailed as failed:
            return self._failed(task, failed)
        return Handled(task.delivery)

    def _together(self, unit: Sequence[Task]) -> int:
        """Handle tasks and record them, all or none; how many fitted into the time."""
        for task in unit:
            task.context.said.clear()
            task.took_us = 0
        try:
            group_id = self._known_group_id()
            self._call_outside(unit)
            with writing():
                fresh = self._not_yet_done(unit)
                count = self._run(unit, fresh)
                self._record(
                    group_id, [task for task in unit[:count] if fresh.get(task.event_id) is task]
                )
                self._close_replays(unit[:count])
            return count
        except UnitFailed as failed:
            if worth_repeating(failed.error):
                raise Contention(str(failed.error)) from failed.error
            raise
        except DatabaseError as error:
            if worth_repeating(error):
                raise Contention(str(error)) from error
            self._group_id = None  # it may be our group's number that is gone
            raise UnitFailed(None, error) from error

    def _call_outside(self, unit: Sequence[Task]) -> None:
        """External handlers, before any transaction: the outside world gets it at least once."""
        for task in unit:
            if task.external and self._not_yet_done([task]):
                for handler in task.handlers:
                    if handler.external:
                        self._call(task, handler)

    def _not_yet_done(self, unit: Sequence[Task]) -> dict[UUID, Task]:
        """Tasks this group has neither handled nor set aside; of twins only the first."""
        by_id: dict[UUID, Task] = {}
        for task in unit:
            by_id.setdefault(task.event_id, task)
        first_time = [task.event_id for task in unit if not task.delivery.redelivered]
        done = settled(self._known_group_id(), self.group.name, by_id, first_time)
        return {event_id: task for event_id, task in by_id.items() if event_id not in done}

    def _run(self, unit: Sequence[Task], fresh: dict[UUID, Task]) -> int:
        """Run the handlers of fresh tasks; stops early when SQLite's lock was held long enough."""
        budget_s = self._settings.batch_budget_ms / 1_000 if connection.vendor == "sqlite" else 0.0
        began = time.perf_counter()
        count = 0
        for task in unit:
            if fresh.get(task.event_id) is task:
                for handler in task.handlers:
                    if not handler.batch and not handler.external:
                        self._call(task, handler)
            count += 1
            if budget_s and time.perf_counter() - began > budget_s:
                break
        batch = [task for task in unit[:count] if fresh.get(task.event_id) is task]
        for handler in self.group.handlers:
            if handler.batch:
                self._call_batch([task for task in batch if handler in task.handlers], handler)
        return count

    def _call(self, task: Task, handler: Handler) -> None:
        began = time.perf_counter()
        try:
            self._strike(task)
            handler.function(task.event, task.context)
        except HANDLER_ERRORS as error:
            raise UnitFailed(handler, error) from error
        finally:
            task.took_us += _us_since(began)

    def _call_batch(self, tasks: Sequence[Task], handler: Handler) -> None:
        if not tasks:
            return
        began = time.perf_counter()
        try:
            for task in tasks:
                self._strike(task)
            handler.function([task.event for task in tasks], [task.context for task in tasks])
        except HANDLER_ERRORS as error:
            raise UnitFailed(handler, error) from error
        finally:
            each_us = _us_since(began) // len(tasks)
            for task in tasks:
                task.took_us += each_us

    def _strike(self, task: Task) -> None:
        delivery = task.delivery
        self._faults.strike(task.event, self.group.name, delivery.attempt, delivery.redelivered)

    def _record(self, group_id: int, tasks: Sequence[Task]) -> None:
        """The inbox marks and the said events, in the handlers' own transaction."""
        at = now()
        insert(
            [
                HandledEvent(
                    group_id=group_id,
                    event_id=task.event_id,
                    handled_at=at,
                    duration_us=min(task.took_us, MAX_DURATION_US),
                    attempts=task.delivery.attempt,
                    ignored=not task.handlers,
                )
                for task in tasks
            ]
        )
        said = [event for task in tasks for event in task.context.said]
        if said:
            rows = store_new(said)
            after_commit(partial(relay.after_commit, rows))

    def _close_replays(self, tasks: Sequence[Task]) -> None:
        redelivered = [task.event_id for task in tasks if task.delivery.redelivered]
        if redelivered:
            resolve(self.group.name, redelivered)

    def _failed(self, task: Task, failed: UnitFailed) -> Settlement:
        """What a failure leads to: a retry, or a dead letter."""
        handlers = (failed.handler,) if failed.handler else task.handlers
        policy = handlers[0].policy if handlers else RetryPolicy()
        decision = decide(failed.error, policy, task.delivery.attempt)
        if isinstance(decision, Bury):
            return self._bury(task.delivery, task.event, decision.kind, failed.error, handlers)
        return self._retry(task, failed.error, decision)

    def _retry(self, task: Task, error: BaseException, wait: Wait) -> RetryLater:
        failures = (*task.delivery.failures, self._failure(error))
        self._logger.warning(
            "%s %s: attempt %d failed, next in %.1f s: %s",
            task.event.event_type,
            task.event_id,
            task.delivery.attempt,
            wait.delay_s,
            failures[-1].message,
        )
        return RetryLater(task.delivery, time.time() + wait.delay_s, failures)

    def _bury(
        self,
        delivery: Delivery,
        event: Event | None,
        kind: str,
        error: BaseException,
        handlers: Sequence[Handler],
    ) -> Handled:
        error_class, message = describe(error)
        names = [handler.name for handler in handlers]
        bury(
            Burial(
                group=self.group.name,
                delivery=delivery,
                event=event,
                kind=kind,
                error_class=error_class,
                message=message,
                traceback=traceback_text(error),
                fingerprint=fingerprint(error_class, ", ".join(names), innermost_frame(error)),
                handlers=names,
                failures=(*delivery.failures, self._failure(error)),
                worker=self.worker,
            )
        )
        self.dead += 1
        self._logger.error("%s: dead letter (%s): %s", delivery.event_id, kind, message)
        return Handled(delivery)

    def _failure(self, error: BaseException) -> Failure:
        error_class, message = describe(error)
        return Failure(now().isoformat(), error_class, message, self.worker)

    def _known_group_id(self) -> int:
        """The inbox's number for this group, made outside the transaction that may be undone."""
        if self._group_id is None:
            row, _ = ConsumerGroup.objects.get_or_create(name=self.group.name)
            self._group_id = row.id
        return self._group_id


class Poison(Exception):
    """An entry that kills the worker which handles it."""


def _first_unit(tasks: Sequence[Task]) -> Sequence[Task]:
    """Tasks that may share a transaction: one that calls outside runs alone."""
    if tasks[0].external:
        return tasks[:1]
    for index, task in enumerate(tasks):
        if task.external:
            return tasks[:index]
    return tasks


def _us_since(began: float) -> int:
    return int((time.perf_counter() - began) * 1_000_000)
