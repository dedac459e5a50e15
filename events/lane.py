"""A lane: one thread that works for several groups in turn.

Python runs one thread at a time and SQLite lets one write at a time: with a thread for each of 17
groups most of their time went in waiting for each other. One thread that awaits the reads of all
groups, runs what has come for each, and settles it all in one round trip does several times more.

A group that holds its lane up keeps it, and the others go on in a new one (`shed`): one group's
trouble stays its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from django.db import Error as DatabaseError
from django.db import IntegrityError, connection, connections, transaction

from events import crash, relay
from events import transport as bus
from events.conf import BusSettings
from events.errors import BusRefused, BusUnavailable
from events.execution import look_up, record
from events.limits import HandlerTimeout
from events.runner import BACKOFF_S, GroupRunner
from events.store import nobodys_fault, refresh_connections, writing
from events.tasks import Task
from events.transport.base import Append, GroupMissing, Settlement
from events.units import Contention, Unit, UnitFailed

logger = logging.getLogger(__name__)

LONGEST_WAIT_S = 0.2
"""How long a lane without work waits at most before it looks whether it should stop."""

SLOW_S = 0.1
"""A group that holds up its lane this long is left alone in it."""

LONGEST_UNIT_S = 0.2
"""Where groups do not share a lock a transaction takes no further events after this time."""

JOINT_SHARE = 4
"""Part of a transaction's time that one of several groups in it may take: a quarter."""

Done = dict[GroupRunner, Unit]
Failures = dict[GroupRunner, UnitFailed | DatabaseError]


class Lane:
    """Reads, runs and settles for its groups until told to stop."""

    def __init__(
        self, runners: Sequence[GroupRunner], stop: threading.Event, settings: BusSettings
    ) -> None:
        self.runners = list(runners)
        self._stop = stop
        self._settings = settings
        self._sqlite = connection.vendor == "sqlite"
        self._lock = threading.Lock()
        """Held while the list of runners is used or changed, never while a handler runs."""
        self._running: tuple[GroupRunner, ...] = ()
        """Groups of the present transaction."""
        self._current: GroupRunner | None = None
        self._slow: set[GroupRunner] = set()

    def run(self) -> None:
        """Work until asked to stop, then hand back what was not begun."""
        while not self._stop.is_set() and self.runners:
            try:
                self._round()
            except Exception:
                # A bug of ours: the groups must not stand still for it.
                logger.exception("the worker itself failed; its groups go on")
                for runner in self.runners:
                    runner.drop()
                self._stop.wait(LONGEST_WAIT_S)
        for runner in self.runners:
            runner.hand_back()
        connections.close_all()

    # --- one round ------------------------------------------------------------------------------

    def _round(self) -> None:
        with self._lock:
            for runner in self.runners:
                self._guarded(runner, runner.stand_still)
                self._guarded(runner, runner.set_aside)
                self._guarded(runner, runner.ask)
            for runner in self._arrived():
                self._guarded(runner, runner.take)
                self._guarded(runner, runner.ask)  # the next read comes while these are run
            for runner in self.runners:
                self._guarded(runner, runner.begin_quarantined)
            ready = _pressing([runner for runner in self.runners if runner.is_ready])
        if ready:
            self.work(ready)
            with self._lock:
                self.runners.append(self.runners.pop(0))  # nobody is always first

    def _arrived(self) -> list[GroupRunner]:
        by_reader = {runner.reader: runner for runner in self.runners}
        found = bus.current().streams.wait(list(by_reader), self._patience_s())
        return [by_reader[reader] for reader in found]

    def _patience_s(self) -> float:
        """How long to wait for reads: not at all while there is work, or until somebody asks."""
        at = time.monotonic()
        return max(0.0, min([LONGEST_WAIT_S, *(r.next_at - at for r in self.runners)]))

    def _guarded(self, runner: GroupRunner, step: Callable[[], object]) -> None:
        """Do one step for a group; its trouble is its own."""
        try:
            step()
        except GroupMissing as missing:
            runner.set_up_again(missing)
        except (BusUnavailable, BusRefused, DatabaseError) as error:
            runner.back_off(error)
        except Exception as error:  # a bug of ours: the others go on, this one after its leases
            logger.exception("group %s: the worker itself failed; it goes on", runner.group.name)
            runner.drop()
            runner.back_off(error)

    # --- work -----------------------------------------------------------------------------------

    def work(self, ready: Sequence[GroupRunner]) -> None:
        """Run one unit for each of these groups: on SQLite in one transaction, which has one lock
        and one commit for all; elsewhere each in its own."""
        refresh_connections()
        try:
            for together in self._shares(ready):
                claimed = self._claim(together)
                if claimed and claimed[0].execution.external:
                    self._singly(claimed[0], claimed[0].next_unit(self._budget_s))
                elif claimed:
                    self._run(claimed)
        finally:
            self._running, self._current = (), None
            refresh_connections()

    def _shares(self, ready: Sequence[GroupRunner]) -> list[list[GroupRunner]]:
        """Which groups share a transaction: never one that calls outside or was slow before."""
        if not self._sqlite:
            return [[runner] for runner in ready]
        apart = [r for r in ready if r.execution.external or r in self._slow]
        together = [r for r in ready if r not in apart]
        return [*([together] if together else []), *([runner] for runner in apart)]

    @property
    def _budget_s(self) -> float:
        """How long a transaction may last: on SQLite it holds the one write lock."""
        return self._settings.batch_budget_ms / 1_000 if self._sqlite else LONGEST_UNIT_S

    def _claim(self, runners: Sequence[GroupRunner]) -> list[GroupRunner]:
        """Those that are still this lane's, from now on until they have run."""
        with self._lock:
            claimed = [runner for runner in runners if runner in self.runners]
            self._running = tuple(claimed)
        return claimed

    def _run(self, ready: Sequence[GroupRunner]) -> None:
        """One unit of each in one transaction; where that fails, each does what it can alone."""
        try:
            done, failed, said = self._units(ready)
        except Contention as error:
            for runner in ready:
                runner.back_off(error)
            return
        except (UnitFailed, DatabaseError) as error:
            _close_if_broken(error)
            if len(ready) > 1:
                for runner in ready:
                    self._run([runner])
                return
            done, failed, said = {}, {ready[0]: error}, []
        self._finish(done, said)
        for runner, failure in failed.items():
            self._apart(runner, failure)

    def _apart(self, runner: GroupRunner, failure: Exception) -> None:
        """A unit was undone: run its events each in a transaction of its own, so that only the
        guilty one suffers. Of a unit of one it is known which that is."""
        tasks = runner.present
        if len(tasks) == 1 and isinstance(failure, UnitFailed) and not _lost_race(failure):
            self._judge(runner, tasks[0], failure)
        else:
            self._singly(runner, tasks)

    def _units(self, ready: Sequence[GroupRunner]) -> tuple[Done, Failures, list[Append]]:
        """One unit of each group in one transaction, as many as its time allows; the groups that
        failed in it and were undone; and what was said."""
        for runner in ready:
            runner.execution.prepare()
        each_s = self._budget_s if len(ready) == 1 else self._budget_s / JOINT_SHARE
        began = time.perf_counter()
        units = {runner: runner.next_unit(each_s) for runner in ready}
        done: Done = {}
        failed: Failures = {}
        said: list[Append] = []
        handled = False
        try:
            with writing():
                relay.marks.take_along()
                look_up({runner.execution: tasks for runner, tasks in units.items()})
                handled = True
                for runner in ready:
                    if done and time.perf_counter() > began + self._budget_s:
                        break
                    unit = self._unit(runner, each_s, alone=len(ready) == 1)
                    if isinstance(unit, Unit):
                        done[runner] = unit
                    else:
                        failed[runner] = unit
                said = record(list(done.values()))
        except DatabaseError as error:  # our own statements, or the commit itself
            raise _judged(ready, error, handled=handled) from error
        _learn(done, time.perf_counter() - began)
        return done, failed, said

    def _unit(self, runner: GroupRunner, budget_s: float, *, alone: bool) -> Unit | UnitFailed:
        """A group's unit, or the failure for which it was undone. Alone, that is raised."""
        self._current = runner
        if alone:
            return runner.execution.run(runner.present, budget_s)
        try:
            with transaction.atomic():
                return runner.execution.run(runner.present, budget_s)
        except UnitFailed as failed:
            if isinstance(failed.error, HandlerTimeout):
                raise
            return failed

    def _singly(self, runner: GroupRunner, tasks: Sequence[Task]) -> None:
        """Run events, the first of the backlog, each in a transaction of its own."""
        for task in tasks:
            if self._stop.is_set():
                return
            if runner.rests:
                runner.give_back()
                return
            self._current = runner
            try:
                outcome = self._tried(runner, task)
                if isinstance(outcome, UnitFailed) and _lost_race(outcome):
                    outcome = self._tried(runner, task)  # now it finds the other's mark
            except Contention as error:
                runner.back_off(error)
                return
            if isinstance(outcome, tuple):
                unit, said = outcome
                self._finish({runner: unit}, said)
            elif not self._judge(runner, task, outcome):
                return

    def _judge(self, runner: GroupRunner, task: Task, failed: UnitFailed) -> bool:
        """Record what a failure leads to, and settle it; False when SQL would not take it now.

        Called outside every `except`, or each traceback would begin with the failures before it.
        """
        try:
            settlement = runner.execution.failed(task, failed)
        except DatabaseError as error:
            runner.back_off(error)
            return False
        self._settle({runner: [settlement]})
        return True

    def _tried(self, runner: GroupRunner, task: Task) -> tuple[Unit, list[Append]] | UnitFailed:
        execution = runner.execution
        handled = False
        try:
            execution.prepare()
            execution.call_outside(task)
            with writing():
                look_up({execution: [task]})
                handled = True
                unit = execution.run([task], self._budget_s)
                return unit, record([unit])
        except UnitFailed as error:
            failed = error
        except DatabaseError as error:
            failed = execution.refused([task], error, handled=handled)
        _close_if_broken(failed)
        return failed

    # --- finishing ------------------------------------------------------------------------------

    def _finish(self, done: Done, said: Sequence[Append]) -> None:
        """What is committed: relay what was said, then acknowledge, all groups together."""
        relay.after_commit(said)
        crash.here("after-commit-before-settle")
        self._settle({runner: unit.settlements for runner, unit in done.items()})

    def _settle(self, done: Mapping[GroupRunner, list[Settlement]]) -> None:
        """Acknowledge: the last step. Waits for a bus that is down, unless asked to stop."""
        work = {runner.group.name: settlements for runner, settlements in done.items()}
        replies = self._acknowledged(work)
        for runner, settlements in done.items():
            nothing = [False] * len(settlements)
            runner.finished(settlements, replies.get(runner.group.name, nothing))

    def _acknowledged(self, work: Mapping[str, Sequence[Settlement]]) -> dict[str, list[bool]]:
        waits = iter(BACKOFF_S)
        wait_s = 0.0
        while True:
            try:
                return bus.current().streams.settle_all(work)
            except BusUnavailable as error:
                if self._stop.is_set():
                    return {}
                if not wait_s:
                    logger.warning("acknowledging waits: %s", error)
                wait_s = next(waits, wait_s)
                self._stop.wait(wait_s)

    # --- one group's trouble --------------------------------------------------------------------

    def shed(self) -> list[GroupRunner]:
        """Let a group that holds the lane up keep it: the others, to be run in another lane.

        Called from another thread. Groups whose work is in the same transaction stay until it
        ends. On SQLite nothing is shed: who waits there waits for the one write lock.
        """
        if self._sqlite:
            return []
        current = self._current
        if current is None or current.limit.running_s < SLOW_S or not self._lock.acquire(False):
            return []
        try:
            self._slow.add(current)
            kept = {*self._running, current}
            moved = [runner for runner in self.runners if runner not in kept]
            self.runners = [runner for runner in self.runners if runner in kept]
            return moved
        finally:
            self._lock.release()


def _pressing(ready: list[GroupRunner]) -> list[GroupRunner]:
    """Those that somebody waits for; groups that let events gather come when nobody else does, or
    when they have waited long enough."""
    pressing = [runner for runner in ready if not runner.can_wait]
    return pressing or ready


def _judged(ready: Sequence[GroupRunner], error: DatabaseError, *, handled: bool) -> Exception:
    """Contention where the database was only in the way; else the error itself."""
    if len(ready) == 1:
        try:
            return ready[0].execution.refused(ready[0].present, error, handled=handled)
        except Contention as contention:
            return contention
    return Contention(str(error)) if nobodys_fault(error, handled=handled) else error


def _learn(done: Done, took_s: float) -> None:
    """Let each group know how long its events took, their share of the common work included."""
    count = sum(len(unit.tasks) for unit in done.values())
    if not count:
        return
    common_s = (took_s - sum(unit.took_s for unit in done.values())) / count
    for unit in done.values():
        unit.execution.learn(unit.took_s / len(unit.tasks) + common_s)


def _close_if_broken(error: Exception) -> None:
    """A handler stopped by its time may have left the connection in the middle of anything."""
    if isinstance(error, UnitFailed) and isinstance(error.error, HandlerTimeout):
        connection.close()


def _lost_race(failed: UnitFailed) -> bool:
    """Whether it may be that another worker has just marked the event as handled."""
    return isinstance(failed.error, IntegrityError)
