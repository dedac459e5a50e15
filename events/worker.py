"""The worker: read, reclaim, execute, settle, renew, drain."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db import Error as SqlError

from events import relay, transport
from events.conf import BusSettings, bus_settings
from events.errors import BusUnavailable
from events.execution import Contention, Execution
from events.groups import Group
from events.presence import Heartbeat
from events.retries import Retries
from events.store import worth_repeating
from events.transport.base import Delivery, GroupMissing, RetryLater, Settlement

logger = logging.getLogger(__name__)

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits after a failure of bus or SQL, the last one repeated."""


@dataclass
class Counters:
    """What a group runner has done since it started."""

    handled: int = 0
    retried: int = 0


class GroupRunner:
    """Reads, runs and settles one group's events, in one thread."""

    def __init__(
        self,
        group: Group,
        consumer: str,
        settings: BusSettings,
        stop: threading.Event,
        retries: Retries,
    ) -> None:
        self.group = group
        self.counters = Counters()
        self._names = group.streams
        self._consumer = consumer
        self._settings = settings
        self._stop = stop
        self._retries = retries
        self._execution = Execution(group, consumer, settings)
        self._held: dict[tuple[str, bool, str], Delivery] = {}
        self._held_lock = threading.Lock()
        self._sweep_every_s = min(5.0, settings.lease_s / 3)
        self._next_sweep = 0.0
        self._failures = 0

    @property
    def in_flight(self) -> int:
        """Entries this runner holds."""
        return len(self._held)

    @property
    def dead(self) -> int:
        """Dead letters this runner has written."""
        return self._execution.dead

    def run(self) -> None:
        """Work until asked to stop, then hand back what was not begun."""
        while not self._stop.is_set():
            try:
                self._round()
                self._failures = 0
            except GroupMissing as missing:
                self._set_up_again(missing)
            except (BusUnavailable, Contention) as error:
                self._back_off(error)
            except DatabaseError as error:
                if not worth_repeating(error):
                    logger.exception("group %s: SQL refuses; trying again", self.group.name)
                self._back_off(error)
            except Exception as error:
                # A bug of ours: the group must not stand still for it.
                logger.exception("group %s: the worker itself failed", self.group.name)
                self._back_off(error)
        self._hand_back()
        connections.close_all()

    def _round(self) -> None:
        """Sweep, read and work; entries that a failure left lying are kept no longer.

        Their leases end, and a sweep brings them back: renewed, they would lie there for ever.
        """
        try:
            self._sweep_if_due()
            self._work(self._read(self._settings.block_ms))
        except BaseException:
            with self._held_lock:
                self._held.clear()
            raise

    def run_once(self) -> int:
        """Work through what is there now, without waiting; how many deliveries that were."""
        count = self._sweep_if_due()
        while found := self._read(0):
            self._work(found)
            count += len(found)
        return count

    def renew(self) -> None:
        """Keep the entries this runner holds. Called from another thread."""
        with self._held_lock:
            held = list(self._held.values())
        if held:
            transport.current().streams.renew(self.group.name, self._consumer, held)

    def _read(self, block_ms: int) -> list[Delivery]:
        found = transport.current().streams.read(
            self.group.name, self._consumer, self._names, self._settings.batch_size, block_ms
        )
        self._hold(found)
        return found

    def _work(self, deliveries: Sequence[Delivery]) -> None:
        """Run deliveries to the end, repeating what SQL would not take; stops between units."""
        left = {_key(delivery): delivery for delivery in deliveries}
        while left and not self._stop.is_set():
            try:
                for settled in self._execution.run(list(left.values())):
                    self._settle(settled)
                    for settlement in settled:
                        left.pop(_key(settlement.delivery), None)
                    if self._stop.is_set():
                        return
            except (Contention, DatabaseError) as error:
                if isinstance(error, DatabaseError) and not worth_repeating(error):
                    logger.exception("group %s: SQL refuses; trying again", self.group.name)
                self._back_off(error)

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        """Acknowledge: the last step. Waits for a bus that is down, unless asked to stop."""
        while True:
            try:
                ours = transport.current().streams.settle(self.group.name, settlements)
                break
            except (BusUnavailable, GroupMissing) as error:
                if self._stop.is_set() or isinstance(error, GroupMissing):
                    ours = [False] * len(settlements)
                    break
                self._back_off(error)
        for settlement, settled in zip(settlements, ours, strict=True):
            self._let_go(settlement.delivery)
            if isinstance(settlement, RetryLater) and settled:
                self.counters.retried += 1
                self._retries.expect(settlement.due_at, settlement.delivery.stream, self.group.name)
            else:
                self.counters.handled += 1

    def _sweep_if_due(self) -> int:
        """Take over what others handed back or a dead one left; how many entries that were.

        They run one at a time. One worker at a time sweeps a group: the lease is not given back, it
        sets the pace.
        """
        if time.monotonic() < self._next_sweep:
            return 0
        self._next_sweep = time.monotonic() + self._sweep_every_s
        bus = transport.current()
        lease = f"reclaim:{self.group.name}"
        if not bus.leases.acquire(lease, self._consumer, self._sweep_every_s):
            return 0
        count = 0
        for stream in self._names:
            claimed = bus.streams.reclaim(
                stream, self.group.name, self._consumer, self._settings.lease_s
            )
            self._hold(claimed)
            self._run_quarantined(claimed)
            count += len(claimed)
        return count

    def _run_quarantined(self, claimed: Sequence[Delivery]) -> None:
        for delivery in claimed:
            if self._stop.is_set():
                return
            begun = transport.current().streams.begin(self.group.name, self._consumer, delivery)
            if begun is None:
                self._let_go(delivery)
            else:
                self._hold([begun])
                self._work([begun])

    def _hold(self, deliveries: Iterable[Delivery]) -> None:
        with self._held_lock:
            self._held.update((_key(delivery), delivery) for delivery in deliveries)

    def _let_go(self, delivery: Delivery) -> None:
        with self._held_lock:
            self._held.pop(_key(delivery), None)

    def _hand_back(self) -> None:
        """Give up what was not begun, and the consumer itself where it holds nothing."""
        streams = transport.current().streams
        try:
            with self._held_lock:
                held = list(self._held.values())
            streams.release(self.group.name, self._consumer, held)
            for name in self._names:
                streams.remove_consumer(name, self.group.name, self._consumer)
        except (BusUnavailable, GroupMissing) as error:
            logger.warning(
                "group %s: entries stay until the lease ends: %s", self.group.name, error
            )

    def _set_up_again(self, missing: GroupMissing) -> None:
        """Streams or groups are gone: make them again, from the beginning, never from the end."""
        logger.error("group %s has to be set up again: %s", self.group.name, missing.detail)
        try:
            for stream in self._names:
                transport.current().streams.ensure_group(stream, self.group.name, "beginning")
        except BusUnavailable as error:
            self._back_off(error)

    def _back_off(self, error: Exception) -> None:
        wait_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        if self._failures == 0:
            logger.warning("group %s waits: %s", self.group.name, error)
        self._failures += 1
        self._stop.wait(wait_s)


class Worker:
    """One process: a thread per group, and one that keeps leases, retries and the heartbeat."""

    def __init__(
        self, groups: Sequence[Group], report: Callable[[str], None] = logger.info
    ) -> None:
        self._settings = bus_settings()
        self._stop = threading.Event()
        self._next_renewal = 0.0
        self._report = report
        self._heartbeat = Heartbeat("worker", [group.name for group in groups])
        self._retries = Retries([(s, group.name) for group in groups for s in group.streams])
        self._runners = [
            GroupRunner(group, self._heartbeat.name, self._settings, self._stop, self._retries)
            for group in groups
        ]

    @property
    def name(self) -> str:
        """``host:pid:random``."""
        return self._heartbeat.name

    def stop(self) -> None:
        """Ask the worker to drain: no new reads, finish what runs, hand back the rest."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`."""
        self._report(f"worker {self.name} starts with {len(self._runners)} groups")
        threads = [
            threading.Thread(target=runner.run, name=runner.group.name) for runner in self._runners
        ]
        relay.marks.together(True)
        threads.append(threading.Thread(target=self._mark_relayed, name="marks"))
        for thread in threads:
            thread.start()
        while not self._stop.wait(0.1):
            self._keep()
        self._beat(draining=True)
        for thread in threads:
            thread.join()
        self._flush_marks()
        relay.marks.together(False)
        try:
            self._heartbeat.leave()
        except BusUnavailable:
            logger.warning("worker %s could not say that it ends", self.name)
        self._report(f"worker {self.name} has drained")

    def run_once(self) -> int:
        """Work through everything there is, retries that are due included; how many deliveries."""
        total = 0
        while True:
            self._retries.promote_due(everything=True)
            count = sum(runner.run_once() for runner in self._runners)
            total += count
            if not count:
                return total

    def _keep(self) -> None:
        """Renew leases, wake retries, beat; a bus that is down is tried again next time.

        Nothing here waits for SQL: a lease must not end because a table is locked.
        """
        try:
            self._retries.promote_due()
            if self._renewal_due():
                for runner in self._runners:
                    runner.renew()
            self._beat()
        except (BusUnavailable, GroupMissing) as error:
            logger.debug("worker %s: %s", self.name, error)
            self._stop.wait(0.5)
        except Exception:
            logger.exception("worker %s: keeping leases failed; it is tried again", self.name)
            self._stop.wait(0.5)

    def _mark_relayed(self) -> None:
        while not self._stop.wait(0.1):
            self._flush_marks()
        connections.close_all()

    def _flush_marks(self) -> None:
        try:
            relay.marks.flush()
        except SqlError as error:
            logger.warning("worker %s: marks wait: %s", self.name, error)

    def _renewal_due(self) -> bool:
        at = time.monotonic()
        if at < self._next_renewal:
            return False
        self._next_renewal = at + self._settings.lease_s / 3
        return True

    def _beat(self, *, draining: bool = False) -> None:
        try:
            self._heartbeat.beat_if_due(
                in_flight=sum(runner.in_flight for runner in self._runners),
                handled=sum(runner.counters.handled for runner in self._runners),
                retried=sum(runner.counters.retried for runner in self._runners),
                dead=sum(runner.dead for runner in self._runners),
                draining=draining,
            )
        except BusUnavailable as error:
            logger.debug("worker %s: no heartbeat: %s", self.name, error)


def _key(delivery: Delivery) -> tuple[str, bool, str]:
    return delivery.stream, delivery.retry, delivery.entry_id
