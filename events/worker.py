"""The worker: a process with its lanes, and one thread that keeps leases, retries and heartbeat."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import Error as SqlError
from django.db import connection

from events import relay
from events.conf import bus_settings
from events.errors import BusRefused, BusUnavailable
from events.groups import Group
from events.lane import Lane
from events.pauses import Pauses
from events.presence import Heartbeat
from events.quarantine import Quarantine
from events.retries import Retries
from events.runner import GroupRunner
from events.transport.base import GroupMissing

logger = logging.getLogger(__name__)

GRACE_S = 5.0
"""How long a handler may take to leave once it was told that its time is over."""

STUCK = 75
"""Exit status of a worker that leaves because a handler did not (EX_TEMPFAIL of sysexits.h)."""

KEEP_EVERY_S = 0.1

FAREWELL_S = 1.0
"""Longest wait for a thread that may hang at a database that is away."""


class Worker:
    """One process: lanes that run the groups, and this thread, which keeps what they hold."""

    def __init__(
        self,
        groups: Sequence[Group],
        report: Callable[[str], None] = logger.info,
        *,
        threads: int | None = None,
        drain_timeout_s: float = 25.0,
    ) -> None:
        self._settings = bus_settings()
        self._stop = threading.Event()
        self._next_renewal = 0.0
        self._report = report
        self._drain_timeout_s = drain_timeout_s
        self._heartbeat = Heartbeat("worker", [group.name for group in groups])
        self._retries = Retries([(s, group.name) for group in groups for s in group.streams])
        self._pauses = Pauses()
        turn = Quarantine()
        self._runners = [
            GroupRunner(group, self._heartbeat.name, self._settings, self._retries, turn)
            for group in groups
        ]
        self._lanes: list[Lane] = []
        self._threads: list[threading.Thread] = []
        self._wanted_threads = threads or self._settings.threads or _usual_threads()

    @property
    def name(self) -> str:
        """``host:pid:random``."""
        return self._heartbeat.name

    def stop(self) -> None:
        """Ask the worker to drain: no new reads, finish what runs, hand back the rest."""
        self._stop.set()

    def run(self) -> int:
        """Work until `stop`, or until a handler cannot be stopped; the exit status.

        0 when drained, STUCK when a handler was left behind: its entry is taken over when its
        lease ends.
        """
        self._report(f"worker {self.name} starts with {len(self._runners)} groups")
        watching = self._pauses.watch(self._stop)
        self._note_pauses()
        for runners in _shared_out(self._runners, self._wanted_threads):
            self._open(runners)
        stuck = self._keep_until(self._stop.is_set)
        self._stop.set()
        self._beat(draining=True)
        drained_by = time.monotonic() + self._drain_timeout_s
        if not stuck:
            stuck = self._keep_until(lambda: self._drained() or time.monotonic() > drained_by)
        stuck = stuck or not self._drained()
        if not stuck:  # a handler left behind may hold SQLite's lock; the relay marks them again
            self._flush_marks()
        watching.join(FAREWELL_S)
        return self._leave(stuck)

    def run_once(self) -> int:
        """Work through everything there is, retries that are due included; how many deliveries."""
        lane = Lane(self._runners, self._stop, self._settings)
        total = 0
        while True:
            self._pauses.look()
            self._note_pauses()
            self._retries.promote_due(everything=True, unless=self._pauses.include)
            count = sum(runner.sweep_if_due() for runner in self._runners)
            count += sum(runner.read_now() for runner in self._runners)
            self._work_off(lane)
            total += count
            if not count:
                return total

    def _work_off(self, lane: Lane) -> None:
        """Run every backlog and quarantine to its end."""
        while True:
            for runner in self._runners:
                runner.begin_quarantined()
            ready = [one for one in self._runners if one.backlog and not one.rests]
            if not ready:
                return
            lane.work(ready)

    # --- lanes ----------------------------------------------------------------------------------

    def _open(self, runners: Sequence[GroupRunner]) -> None:
        lane = Lane(runners, self._stop, self._settings)
        thread = threading.Thread(target=lane.run, name=f"lane {len(self._lanes) + 1}", daemon=True)
        self._lanes.append(lane)
        self._threads.append(thread)
        thread.start()

    def _drained(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _keep_until(self, done: Callable[[], bool]) -> bool:
        """Keep what the lanes hold until `done`; True when a handler could not be stopped."""
        while not done():
            if self._enforce_limits() > GRACE_S:
                return True
            for lane in list(self._lanes):
                if moved := lane.shed():
                    self._open(moved)
            self._keep()
            if not self._stop.wait(KEEP_EVERY_S):
                continue
            time.sleep(0.01)  # draining: `stop` is set and would not wait
        return False

    def _enforce_limits(self) -> float:
        """Stop handlers whose time is over; by how many seconds the latest has overstayed."""
        return max((runner.limit.enforce() for runner in self._runners), default=0.0)

    def _leave(self, stuck: bool) -> int:
        """Say that this process ends, and give back what no handler has begun."""
        if stuck:
            for runner in self._runners:
                runner.hand_back_the_rest()
        try:
            self._heartbeat.leave()
        except BusUnavailable:
            logger.warning("worker %s could not say that it ends", self.name)
        if stuck:
            self._report(f"worker {self.name} leaves a handler behind that does not stop")
            return STUCK
        self._report(f"worker {self.name} has drained")
        return 0

    # --- keeping --------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Renew leases, sweep, wake retries, beat; a bus that is down is tried again next time.

        Nothing here waits for SQL: a lease must not end because a table is locked.
        """
        self._note_pauses()
        try:
            self._renew_if_due()
            self._retries.promote_due(unless=self._pauses.include)
            if not self._stop.is_set():
                for runner in self._runners:
                    self._for(runner, runner.sweep_if_due)
            self._beat(draining=self._stop.is_set())
        except BusUnavailable as error:
            logger.debug("worker %s: %s", self.name, error)
            self._stop.wait(0.5)
        except Exception:
            logger.exception("worker %s: keeping leases failed; it is tried again", self.name)
            self._stop.wait(0.5)

    def _note_pauses(self) -> None:
        for runner in self._runners:
            runner.paused = self._pauses.include(runner.group.name)

    def _renew_if_due(self) -> None:
        """Renew what all groups hold. Raises BusUnavailable; it is then still due."""
        at = time.monotonic()
        if at < self._next_renewal:
            return
        for runner in self._runners:
            self._for(runner, runner.renew)
        self._next_renewal = at + self._settings.lease_s / 3

    def _for(self, runner: GroupRunner, step: Callable[[], object]) -> None:
        """Do one step for a group; only a bus that is down is the trouble of all."""
        try:
            step()
        except BusUnavailable:
            raise
        except (GroupMissing, BusRefused) as error:
            logger.debug("group %s: its entries are not kept: %s", runner.group.name, error)
        except Exception:
            logger.exception("group %s: its entries could not be kept", runner.group.name)

    def _flush_marks(self) -> None:
        try:
            relay.marks.flush()
        except SqlError as error:
            logger.warning("worker %s: marks wait: %s", self.name, error)

    def _beat(self, *, draining: bool = False) -> None:
        try:
            self._heartbeat.beat_if_due(
                in_flight=sum(runner.in_flight for runner in self._runners),
                handled=sum(runner.counters.handled for runner in self._runners),
                retried=sum(runner.counters.retried for runner in self._runners),
                dead=sum(runner.dead for runner in self._runners),
                draining=draining,
                breakers={
                    runner.group.name: found
                    for runner in self._runners
                    if (found := runner.execution.breakers.open)
                },
                paused=tuple(one.group.name for one in self._runners if one.stands_still),
            )
        except BusUnavailable as error:
            logger.debug("worker %s: no heartbeat: %s", self.name, error)


def _usual_threads() -> int:
    """Lanes to begin with: one on SQLite, which writes one thing at a time anyway."""
    return 1 if connection.vendor == "sqlite" else 4


def _shared_out(runners: Sequence[GroupRunner], threads: int) -> list[list[GroupRunner]]:
    """Groups by lane, evenly; one that calls outside, and so waits, has a lane of its own."""
    inside = [runner for runner in runners if not runner.execution.external]
    lanes = [inside[start::threads] for start in range(threads)]
    outside = [[runner] for runner in runners if runner.execution.external]
    return [lane for lane in [*lanes, *outside] if lane]
