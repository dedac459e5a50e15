"""One group's events through the pipeline: decode, already done?, run, decide, record.

What comes out are settlements; acknowledging them is the worker's last step.
"""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection

from events import crash
from events.aftermath import Aftermath
from events.breaker import BreakerPolicy, Breakers
from events.conf import BusSettings
from events.dead_letters import resolve
from events.envelope import Event, now
from events.errors import InvalidEvent, Reject
from events.faults import Faults
from events.groups import Group, Handler
from events.limits import HandlerTimeout, TimeLimit
from events.models import ConsumerGroup
from events.registry import Payload
from events.rows import Wanted, mark_handled, settled
from events.store import nobodys_fault, store_said, worth_repeating
from events.tasks import Context, Task
from events.transport.base import Append, Delivery, Handled, Settlement
from events.units import Contention, Poison, Unfit, Unit, UnitFailed
from events.validation import publishable, understood

MAX_DURATION_US = 2_147_483_647

HANDLER_ERRORS = (Exception, SystemExit, CancelledError)
"""What a handler may fail with: one that calls sys.exit() must not end the group's thread."""

FIRST_UNIT = 10
"""Events in a group's first transaction on SQLite; how long they took tells how many fit."""

MOST_REPEATS = 10
"""So often an event is run again because its handler found SQL locked or away, before that counts
as an attempt: what never ends in any other way must not be repeated for ever."""


class Execution:
    """Runs one group's events, in the thread and the transaction of the caller."""

    def __init__(self, group: Group, worker: str, settings: BusSettings, limit: TimeLimit) -> None:
        self.group = group
        self.aftermath = Aftermath(group, worker)
        self._settings = settings
        self._limit = limit
        self._timeout_s = settings.handler_timeout_s
        self._faults = Faults.parse(settings.faults)
        self._producer = f"{group.name}@{settings.version}"
        self._logger = logging.getLogger(f"events.group.{group.name}")
        self._batch_handlers = [handler for handler in group.handlers if handler.batch]
        self._plain = any(not handler.batch for handler in group.handlers)
        self._handlers_of: dict[str, tuple[Handler, ...]] = {}
        self._declared = set(group.says)
        self.breakers = Breakers(
            (one.depends_on for one in group.handlers if one.depends_on), _breaker_policy(settings)
        )
        self._group_id: int | None = None
        self._each_s = 0.0
        self.external = group.external
        """Some handler calls outside: its events run one at a time, outside calls first."""
        self.idempotent = group.idempotent
        """Its effects are sets: it keeps no inbox rows."""

    def decoded(self, delivery: Delivery) -> Task | Unfit:
        """A delivery as a task, or why it is not to be run. Asks nobody."""
        event: Event | None = None
        try:
            event = Event.from_json(delivery.body)
            event, payload = understood(event)
        except InvalidEvent as error:
            return Unfit(delivery, event, "permanent" if event else "poison", error)
        if delivery.starts > self._settings.poison_starts:
            error_text = (
                f"its handling was begun {delivery.starts - 1} times and never ended: "
                "the worker died each time"
            )
            return Unfit(delivery, event, "poison", Poison(error_text))
        return Task(delivery, event, self._context(delivery, event, payload), self._wanting(event))

    def set_aside(self, unfit: Unfit) -> Settlement:
        """Write the dead letter of what is not to be run, unless its worker died after its commit.

        Raises DatabaseError.
        """
        delivery, event = unfit.delivery, unfit.event
        killed = isinstance(unfit.error, Poison)
        if killed and event and self._is_done(event, delivery):
            return Handled(delivery)
        handlers = self._wanting(event) if killed and event else ()
        return self.aftermath.buried(delivery, event, unfit.kind, unfit.error, handlers)

    def _wanting(self, event: Event) -> tuple[Handler, ...]:
        """The handlers that take an event; looked up once where only its type decides."""
        known = self._handlers_of.get(event.event_type)
        if known is not None:
            return known
        wanting = tuple(handler for handler in self.group.handlers if handler.wants(event))
        if not any(one.only or one.unless or one.accepts for one in self.group.handlers):
            self._handlers_of[event.event_type] = wanting
        return wanting

    def _context(self, delivery: Delivery, event: Event, payload: Payload) -> Context:
        return Context(
            event,
            payload,
            len(delivery.failures) + 1,
            time.time() + self._settings.handler_timeout_s,
            self._logger,
            self._producer,
            self._settings.max_depth,
        )

    def fitting(self, tasks: Sequence[Task], budget_s: float) -> Sequence[Task]:
        """The first tasks that may share a transaction: on SQLite as many as fit into `budget_s`.

        All groups share SQLite's one write lock; how long earlier events took tells how many fit.
        """
        if self.external:
            return tasks[:1]
        if connection.vendor != "sqlite":
            return tasks[: self._settings.unit_size]
        if not self._each_s:
            return tasks[:FIRST_UNIT]
        fit = int(budget_s / self._each_s)
        return tasks[: max(1, min(fit, self._settings.unit_size))]

    def run(self, tasks: Sequence[Task], budget_s: float) -> Unit:
        """Run the handlers of fresh tasks; call it inside a transaction, after `look_up`.

        Fewer tasks than given where they take longer than `budget_s`. Raises UnitFailed when what
        was written has to be undone, Contention when all may be repeated as it is.
        """
        began = time.perf_counter()
        try:
            tasks = self._run(tasks, began + budget_s)
            said = [publishable(event) for t in tasks if t.fresh for event in t.context.said]
        except UnitFailed as failed:
            self._repeat(tasks, failed.error)
            raise
        except InvalidEvent as error:  # a handler changed what it had said
            raise UnitFailed(None, error) from error
        except DatabaseError as error:
            raise self.refused(tasks, error) from error
        for event, _ in said:
            if event.event_type not in self._declared:
                self._undeclared(event)
        return Unit(self, tasks, said, time.perf_counter() - began)

    def _undeclared(self, event: Event) -> None:
        """Tell once of a type that is said though no handler of the group declares it: it is taken,
        but the registry and the flow map cannot show it.

        Raises UnitFailed where effects are sets: delivered twice, it would be said twice.
        """
        if self.idempotent:
            raise UnitFailed(
                None,
                Reject(
                    f"an idempotent handler says {event.event_type}; delivered twice it would be "
                    "said twice: declare it in `says`, and leave out `idempotent`"
                ),
            )
        self._declared.add(event.event_type)
        self._logger.warning(
            "group %s says %s, which none of its handlers declares: add it to their `says`",
            self.group.name,
            event.event_type,
        )

    def refused(
        self, tasks: Sequence[Task], error: DatabaseError, *, handled: bool = True
    ) -> UnitFailed:
        """What it means for these tasks that SQL refused a statement of ours, or the commit, before
        or after their handlers were run.

        Raises Contention when they may be repeated as they are: for as long as it takes where SQL
        is away or locked by another, which is no doing of theirs.
        """
        if nobodys_fault(error, handled=handled):
            raise Contention(str(error)) from error
        self._repeat(tasks, error)
        self._group_id = None  # it may be our group's number that is gone
        return UnitFailed(None, error)

    def learn(self, each_s: float) -> None:
        """Note how long an event took, so that the next unit holds as many as fit."""
        self._each_s = (3 * self._each_s + each_s) / 4 if self._each_s else each_s

    def _repeat(self, tasks: Sequence[Task], error: BaseException) -> None:
        """Raise Contention where SQL was only in the way, unless that has gone on for too long.

        Of several tasks it is not known which is to blame: then each is run, and counted, alone.
        """
        if not worth_repeating(error):
            return
        if len(tasks) == 1:
            tasks[0].repeats_alone += 1
            goes_on = tasks[0].repeats_alone <= MOST_REPEATS
        else:
            for task in tasks:
                task.repeats += 1
            goes_on = min(task.repeats for task in tasks) <= MOST_REPEATS
        if goes_on:
            raise Contention(str(error)) from error

    def call_outside(self, task: Task) -> None:
        """Run external handlers, before any transaction: the outside world gets it at least once,
        and not again while SQL only keeps what follows from being written.

        Raises UnitFailed.
        """
        if task.called_outside:
            return
        handlers = [handler for handler in task.handlers if handler.external]
        if handlers:
            look_up({self: [task]})
        if task.fresh:
            for handler in handlers:
                self._call(task, handler)
        task.called_outside = True

    def failed(self, task: Task, failed: UnitFailed) -> Settlement:
        """What a failure leads to: a retry, or a dead letter in a transaction of its own."""
        handlers = (failed.handler,) if failed.handler else task.handlers
        return self.aftermath.of(task.delivery, task.event, failed.error, handlers)

    def prepare(self) -> int:
        """The inbox's number for this group, made outside a transaction that may be undone."""
        if self._group_id is None:
            row, _ = ConsumerGroup.objects.get_or_create(name=self.group.name)
            self._group_id = row.id
        return self._group_id

    def _is_done(self, event: Event, delivery: Delivery) -> bool:
        """Whether the inbox knows it: a worker may die after its commit too."""
        event_ids = [event.event_id]
        first_time = () if delivery.redelivered else event_ids
        return bool(settled([Wanted(self.prepare(), self.group.name, event_ids, first_time)]))

    def wanted(self, tasks: Sequence[Task]) -> Wanted | None:
        """What has to be looked up before these tasks; None when nothing has."""
        redelivered = {task.event_id for task in tasks if task.delivery.redelivered}
        if self.idempotent and not redelivered:
            return None
        event_ids = {task.event_id for task in tasks}
        return Wanted(self.prepare(), self.group.name, event_ids, event_ids - redelivered)

    def marks(self, tasks: Sequence[Task], at: datetime) -> list[tuple[Any, ...]]:
        """The inbox rows of tasks handled now; none where effects are sets."""
        if self.idempotent:
            return []
        group_id = self.prepare()
        return [
            (
                group_id,
                task.event_id,
                at,
                min(task.took_us, MAX_DURATION_US),
                task.context.attempt,
                not task.handlers,
            )
            for task in tasks
        ]

    def _run(self, tasks: Sequence[Task], ends_at: float) -> Sequence[Task]:
        """Run the handlers of fresh tasks; the tasks this has come to when the time was over."""
        if self._plain:
            count = 0
            for task in tasks:
                if task.fresh:
                    for handler in task.handlers:
                        if not handler.batch and not handler.external:
                            self._call(task, handler)
                count += 1
                if time.perf_counter() > ends_at:
                    break
            tasks = tasks[:count]
        for handler in self._batch_handlers:
            self._call_batch([t for t in tasks if t.fresh and handler in t.handlers], handler)
        return tasks

    def _call(self, task: Task, handler: Handler) -> None:
        if task.event.synthetic:
            self._strike(task, handler)
        task.took_us += self._timed(handler, task.event, task.context)

    def _call_batch(self, tasks: Sequence[Task], handler: Handler) -> None:
        if not tasks:
            return
        for task in tasks:
            if task.event.synthetic:
                self._strike(task, handler)
        took_us = self._timed(
            handler, [task.event for task in tasks], [task.context for task in tasks]
        )
        for task in tasks:
            task.took_us += took_us // len(tasks)

    def _timed(self, handler: Handler, *given: Any) -> int:
        """Call a handler for as long as it may run; the microseconds it took."""
        began = self._limit.begin(handler.timeout_s or self._timeout_s, handler.name)
        try:
            crash.here("inside-handler")
            handler.call(*given)
        except HandlerTimeout:
            self._depended(handler, ok=False)
            raise UnitFailed(handler, self._limit.named()) from None
        except HANDLER_ERRORS as error:
            # A refusal of the event itself is an answer; SQL in the way says nothing.
            if not isinstance(error, DatabaseError):
                self._depended(handler, ok=isinstance(error, Reject | InvalidEvent))
            raise UnitFailed(handler, error) from error
        finally:
            self._limit.end()
        if handler.depends_on:
            self._depended(handler, ok=True)
        return int((time.monotonic() - began) * 1_000_000)

    def _depended(self, handler: Handler, *, ok: bool) -> None:
        """Let the breaker of what the handler calls know how that went."""
        if handler.depends_on:
            change = self.breakers.note(handler.depends_on, ok, time.monotonic())
            if change:
                self._logger.warning("group %s: %s", self.group.name, change)

    def _strike(self, task: Task, handler: Handler) -> None:
        """Fail on purpose where the settings say so."""
        delivery = task.delivery
        try:
            self._faults.strike(task.event, self.group.name, delivery.attempt, delivery.redelivered)
        except HANDLER_ERRORS as error:
            raise UnitFailed(handler, error) from error


def _breaker_policy(settings: BusSettings) -> BreakerPolicy:
    return BreakerPolicy(
        settings.breaker_window_s,
        settings.breaker_least_calls,
        settings.breaker_share,
        settings.breaker_rest_s,
    )


def look_up(work: Mapping[Execution, Sequence[Task]]) -> None:
    """Note which tasks their groups have neither handled nor set aside; of twins the first.

    One statement for any number of groups; call it inside the transaction that runs them.
    """
    wanted = {execution: execution.wanted(tasks) for execution, tasks in work.items()}
    asked = [one for one in wanted.values() if one is not None]
    done = settled(asked) if asked else set()
    for execution, tasks in work.items():
        one, seen = wanted[execution], set[UUID]()
        for task in tasks:
            task.took_us = 0
            task.context.said.clear()
            if one is not None:
                known = (one.group_id, task.event_id) in done or task.event_id in seen
                task.fresh = not known
                seen.add(task.event_id)


def record(units: Sequence[Unit]) -> list[Append]:
    """The inbox marks and the said events of units, in the handlers' own transaction.

    Returns what is to be relayed once it is committed. Two statements for any number of groups.
    """
    at = now()
    mark_handled([row for unit in units for row in unit.execution.marks(unit.fresh, at)])
    for unit in units:
        replayed = [task.event_id for task in unit.tasks if task.delivery.redelivered]
        if replayed:
            resolve(unit.execution.group.name, replayed)
    said = [pair for unit in units for pair in unit.said]
    return store_said(said) if said else []
