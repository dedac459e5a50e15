"""One group in one process: what it reads, holds, has still to run, settles and hands back."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import Error as DatabaseError

from events import crash, reconciler, transport
from events.aside import MOST_UNFIT, Aside
from events.conf import BusSettings
from events.errors import BusRefused, BusUnavailable
from events.execution import Execution
from events.groups import Group
from events.holdings import Holdings
from events.limits import TimeLimit
from events.pace import MOST_READ, Pace
from events.quarantine import Quarantine
from events.retries import Retries
from events.tasks import Task
from events.transport.base import (
    Delivery,
    GroupMissing,
    Reader,
    RetryLater,
    Settlement,
)

logger = logging.getLogger(__name__)

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits after a failure of bus or SQL, the last one repeated."""

TURN_S = 0.02
"""How soon a group looks again whether the turn to run what was taken over is free."""

SWEEP = 100
"""Entries of one stream that are taken over at a time."""

PUT_OFF_S = 0.25
"""How long the events of a group that lingers stand back behind those of others."""


@dataclass
class Counters:
    """What a group runner has done since it started."""

    handled: int = 0
    retried: int = 0


class GroupRunner:
    """The state of one group's work. Driven by one thread, renewed by another."""

    def __init__(
        self,
        group: Group,
        consumer: str,
        settings: BusSettings,
        retries: Retries,
        turn: Quarantine,
    ) -> None:
        self.group = group
        self.counters = Counters()
        self.limit = TimeLimit()
        self.execution = Execution(group, consumer, settings, self.limit)
        self.backlog: deque[Task] = deque()
        """Events read and decoded, to be run next."""
        self.present: Sequence[Task] = ()
        """What runs in the present transaction, or ran in the last one."""
        self._names = group.streams
        self._consumer = consumer
        self._settings = settings
        self._retries = retries
        self._turn = turn
        self.paused = False
        """An operator has paused the group. Set by the thread that keeps leases."""
        self._still = False
        self._next_still = 0.0
        self._reader: Reader | None = None
        self._pace = Pace(settings.batch_size, len(group.streams))
        self._rests_until = 0.0
        self._paused_until = 0.0
        self._failures = 0
        self._holdings = Holdings()
        self._aside = Aside(group.name, self.execution, self._settle_now)
        self._begun: Delivery | None = None
        """What was taken over and is run now, alone."""
        self._sweep_every_s = min(5.0, settings.lease_s / 3)
        self._next_sweep = 0.0

    # --- reading --------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Entries this runner holds."""
        return len(self._holdings)

    @property
    def dead(self) -> int:
        """Dead letters this runner has written."""
        return self.execution.aftermath.dead

    @property
    def reader(self) -> Reader:
        """What it reads with while it runs in a lane."""
        if self._reader is None:
            self._reader = transport.current().streams.reader(
                self.group.name, self._consumer, self._names
            )
        return self._reader

    @property
    def is_ready(self) -> bool:
        """Whether it has work that may be done now."""
        return bool(self.backlog) and not self.rests and time.monotonic() >= self._may_work_at

    @property
    def rests(self) -> bool:
        """An operator has paused it, or what one of its handlers depends on has failed and is left
        alone for now."""
        return self.paused or time.monotonic() < self.execution.breakers.rests_until

    @property
    def stands_still(self) -> bool:
        """It is paused, has finished what ran, and neither waits for entries nor holds any."""
        return self.paused and self._still

    @property
    def _probes(self) -> bool:
        """What has failed may be tried again, with one event."""
        return bool(self.execution.breakers.open) and not self.rests

    @property
    def _wanted(self) -> int:
        """Entries to ask for, of each stream."""
        return 1 if self._probes else self._pace.count

    @property
    def can_wait(self) -> bool:
        """It lets events gather anyway, and has not been put off for long."""
        return self.group.linger_ms > 0 and time.monotonic() < self._pace.read_at + PUT_OFF_S

    @property
    def next_at(self) -> float:
        """Monotonic time at which it has something to do by itself; without end if it only waits
        for an answer."""
        if self.backlog:
            return self._may_work_at
        if self._holdings.quarantined:
            return self._may_work_at if self._turn.is_open(self) else time.monotonic() + TURN_S
        if len(self._aside):
            return self._aside.next_at
        until = max(self._rests_until, self.execution.breakers.rests_until)
        return until if until > time.monotonic() else math.inf

    @property
    def _may_work_at(self) -> float:
        return max(self._paused_until, self.execution.breakers.rests_until)

    def ask(self) -> None:
        """Wait for more, unless there is still work or a reason to rest.

        Where reads come back full, the next one is on its way while the last of these are run. What
        was taken over comes first, and runs alone; what cannot be set aside must not pile up.
        """
        if self.rests or self._begun or len(self._aside) >= MOST_UNFIT:
            return
        if self._holdings.quarantined and self._turn.is_open(self):
            return
        left = len(self.backlog)
        if (not left or (self._pace.was_full and left <= self._pace.count)) and (
            time.monotonic() >= self._rests_until
        ):
            self.reader.ask(self._wanted)

    def take(self) -> None:
        """Take what was read into the backlog; a group that lingers then lets more gather.

        Raises GroupMissing, BusUnavailable.
        """
        found = self.reader.take()
        if not found:
            return
        self._pace.read(found)
        self._rests_until = self._pace.read_at + self.group.linger_ms / 1_000
        self._failures = 0
        if self.paused:  # since they were asked for; `stand_still` gives them back
            self._holdings.hold(found)
            return
        self.accept(found)
        if self.rests:  # they were asked for before it failed
            self.give_back()

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        """Hold and decode deliveries; what is not to be run is set aside and settled at once."""
        self._holdings.hold(deliveries)
        crash.here("after-read-before-handler")
        decoded, fit = self.execution.decoded, self.backlog.append
        for delivery in deliveries:
            found = decoded(delivery)
            if isinstance(found, Task):
                fit(found)
            else:
                self._aside.add(found)
        self.set_aside()

    def set_aside(self) -> None:
        """Write the dead letters of what is not to be run; what can be run does not wait for it."""
        self._aside.work_off()

    def read_now(self) -> int:
        """Read without waiting, for one who works through what is there; how many entries."""
        if self.rests:
            return 0
        found = transport.current().streams.read(
            self.group.name, self._consumer, self._names, self._wanted, 0
        )
        self.accept(found)
        return len(found)

    def next_unit(self, budget_s: float) -> Sequence[Task]:
        """The tasks to run in the next transaction; they stay in the backlog until settled."""
        most = 1 if self._probes else MOST_READ
        self.present = self.execution.fitting(list(islice(self.backlog, most)), budget_s)
        return self.present

    def finished(self, settlements: Sequence[Settlement], ours: Sequence[bool]) -> None:
        """The first tasks of the backlog are settled."""
        if self._begun and any(one.delivery is self._begun for one in settlements):
            self._leave_turn()
        for _ in settlements:
            self.backlog.popleft()
        self._failures, self._paused_until = 0, 0.0
        self.settled(settlements, ours)
        if self.rests:
            self.give_back()
        if not self.backlog:
            self._pace.follow()

    # --- settling -------------------------------------------------------------------------------

    def settled(self, settlements: Sequence[Settlement], ours: Sequence[bool]) -> None:
        """Note what the bus said of settlements, and let their entries go."""
        for settlement, settled in zip(settlements, ours, strict=True):
            if isinstance(settlement, RetryLater):
                if settled:
                    self.counters.retried += 1
                    self._retries.expect(
                        settlement.due_at, settlement.delivery.stream, self.group.name
                    )
            else:
                self.counters.handled += 1
        self._holdings.let_go([settlement.delivery for settlement in settlements])

    def _settle_now(self, settlements: Sequence[Settlement]) -> None:
        ours = transport.current().streams.settle(self.group.name, settlements)
        self.settled(settlements, ours)

    # --- leases ---------------------------------------------------------------------------------

    def renew(self) -> None:
        """Keep the entries this runner holds. Called from another thread."""
        if held := self._holdings.all():
            transport.current().streams.renew(self.group.name, self._consumer, held)

    def sweep_if_due(self) -> int:
        """Take over what others handed back or a dead one left; how many entries that were.

        One worker at a time sweeps a group: the lease is not given back, it sets the pace. Called
        from another thread than the one that runs what was taken over.
        """
        if self.rests or time.monotonic() < self._next_sweep or self._holdings.quarantined > SWEEP:
            return 0
        most = 1 if self._probes else SWEEP
        self._next_sweep = time.monotonic() + self._sweep_every_s
        bus = transport.current()
        lease = f"reclaim:{self.group.name}"
        if not bus.leases.acquire(lease, self._consumer, self._sweep_every_s):
            return 0
        count = 0
        for stream in self._names:
            claimed = bus.streams.reclaim(
                stream, self.group.name, self._consumer, self._settings.lease_s, most
            )
            self._holdings.hold(claimed, quarantined=True)
            count += len(claimed)
            if claimed:
                crash.here("after-claim-before-handler")
            if len(claimed) >= most:
                self._next_sweep = 0.0  # there may be more
        return count

    def begin_quarantined(self) -> bool:
        """Put one entry that was taken over into the backlog, its start counted; False if none.

        Raises BusUnavailable, GroupMissing; its lease then ends, and a sweep brings it back.
        """
        if self.rests:
            return False
        while self._holdings.quarantined and not self.backlog and self._turn.enter(self):
            try:
                self._begin_next()
            finally:
                if not self._begun:  # the others must not wait for a turn that runs nothing
                    self._turn.leave(self)
            if self._begun:
                return True
        return False

    def _begin_next(self) -> None:
        delivery = self._holdings.next_quarantined()
        if delivery is None:
            return
        begun = transport.current().streams.begin(self.group.name, self._consumer, delivery)
        if begun is not None:
            self.accept([begun])
            self._begun = self.backlog[0].delivery if self.backlog else None

    def _leave_turn(self) -> None:
        self._begun = None
        self._turn.leave(self)

    def drop(self) -> list[Delivery]:
        """Forget everything read, after a failure of the worker itself: kept, it would lie there
        for ever. Its leases end, and a sweep brings it back. Returns what had not been begun."""
        self.backlog.clear()
        self._aside.clear()
        self._leave_turn()
        return self._holdings.clear()

    def give_back(self) -> None:
        """Let others, or this worker later, have all that was not begun; no attempt is counted."""
        unbegun = self.drop()
        if not self._release(unbegun) and self.paused:
            self._holdings.hold(unbegun)  # nobody sweeps a paused group: it is tried again

    def stand_still(self) -> None:
        """Where an operator has paused the group: wait for nothing, give back what was not begun.

        Called by its lane between two units, so that what runs is finished.
        """
        if not self.paused:
            self._still = False
        elif not self._still and time.monotonic() >= self._next_still:
            if self._reader is not None:
                self._holdings.hold(self._reader.close())
            self.give_back()
            self._still = not len(self._holdings)
            self._next_still = time.monotonic() + (0.0 if self._still else BACKOFF_S[-1])

    def hand_back(self) -> None:
        """Give up what was not begun, and the consumer itself where it holds nothing."""
        self._leave_turn()
        self._aside.settle()
        if self._reader is not None:
            self._holdings.hold(self._reader.close())
        if not self._release(self._holdings.unbegun()):
            return
        try:
            for name in self._names:
                transport.current().streams.remove_consumer(name, self.group.name, self._consumer)
        except (BusUnavailable, BusRefused, GroupMissing) as error:
            logger.warning("group %s: its consumer stays for now: %s", self.group.name, error)

    def hand_back_the_rest(self) -> None:
        """Give up what no handler has begun while one is stuck; called from another thread.

        What is in the stuck transaction stays: its lease ends, and each of its events is then
        begun alone, so that only the guilty one is counted.
        """
        self._release(self._holdings.unbegun(task.delivery for task in self.present))

    def _release(self, unbegun: Sequence[Delivery]) -> bool:
        """Hand entries back; False where the bus does not take them, which waits for the lease."""
        try:
            transport.current().streams.release(self.group.name, self._consumer, unbegun)
        except (BusUnavailable, BusRefused, GroupMissing) as error:
            logger.warning(
                "group %s: entries stay until the lease ends: %s", self.group.name, error
            )
            return False
        return True

    # --- trouble --------------------------------------------------------------------------------

    def set_up_again(self, missing: GroupMissing) -> None:
        """Streams or groups are gone: make them again, from the beginning, never from the end."""
        logger.error("group %s has to be set up again: %s", self.group.name, missing.detail)
        try:
            for stream in self._names:
                transport.current().streams.ensure_group(stream, self.group.name, "beginning")
            reconciler.hurry()
        except (BusUnavailable, DatabaseError) as error:
            self.back_off(error)

    def back_off(self, error: Exception) -> None:
        """Neither read nor run for a while, longer with each failure in a row."""
        wait_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        if self._failures == 0:
            logger.warning("group %s waits: %s", self.group.name, error)
        self._failures += 1
        self._rests_until = self._paused_until = time.monotonic() + wait_s
