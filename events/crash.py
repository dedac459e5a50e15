"""Crash points: named places where a process dies, fails or stands still on purpose.

For tests of recovery. Off, a place costs one comparison; `ASTRA_CRASH` arms some, never in
production.
"""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from events.conf import bus_settings
from events.errors import ConfigurationError

logger = logging.getLogger(__name__)

POINTS: Mapping[str, str] = {
    "after-commit-before-relay": "events are in SQL, the bus has not been told",
    "after-append-before-mark": "the bus has them, SQL does not know it",
    "after-read-before-handler": "a worker holds entries, no handler has begun",
    "inside-handler": "in the handler's transaction",
    "after-commit-before-settle": "the effects are committed, the bus has not been told",
    "after-dead-letter-before-acknowledge": "the dead letter is committed, its entry still there",
    "after-claim-before-handler": "entries were taken over from another worker",
    "in-bulk-replay": "redelivered to the bus, not yet noted in SQL",
    "in-trim": "some streams are trimmed, others are not",
}
"""Every crash point, and what is true there."""

ACTIONS = ("kill", "raise", "pause")
FORM = re.compile(r"([a-z-]+):([a-z]+)(?::(?:([1-9]\d{0,8})|(0?\.\d+|1)@(\d{1,9})))?")
WRITE = (
    "write POINT:ACTION, POINT:ACTION:PASSAGE or POINT:ACTION:PROBABILITY@SEED, separated by "
    f"commas; points are {', '.join(POINTS)}; actions are {', '.join(ACTIONS)}"
)
PAUSE_LEASES = 1.5
"""How long a pause is, in leases."""


class Crash(Exception):
    """The failure that the action `raise` stands for."""


@dataclass(slots=True)
class CrashPoint:
    """One armed point: what happens there, and in which of its passages."""

    point: str
    action: str
    passage: int = 1
    """Of this process; it happens once."""
    share: float | None = None
    """Instead of one passage: the probability of each."""
    seed: int = 0
    _passed: int = 0
    _lots: random.Random = field(default_factory=random.Random)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def __post_init__(self) -> None:
        self._lots = random.Random(self.seed)  # noqa: S311

    def is_due(self) -> bool:
        """Count one passage; whether it is one that must not be survived."""
        with self._lock:
            self._passed += 1
            if self.share is not None:
                return self._lots.random() < self.share
            return self._passed == self.passage

    def strike(self) -> None:
        """Say so, and do what was asked for. Raises Crash, pauses, or does not return."""
        logger.warning("%s on purpose at %s (ASTRA_CRASH)", self.action, self.point)
        if self.action == "raise":
            raise Crash(f"raised on purpose at {self.point} (ASTRA_CRASH)")
        if self.action == "pause":
            _pause(PAUSE_LEASES * bus_settings().lease_s)
        else:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is armed in this process."""

    points: tuple[CrashPoint, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read ``after-commit-before-settle:kill:3,in-trim:raise:0.1@7``; '' arms nothing.

        Raises ConfigurationError.
        """
        parts = filter(None, (piece.strip() for piece in text.split(",")))
        return cls(tuple(_point(part) for part in parts))

    def passed(self, point: str) -> None:
        """A process has come to `point`."""
        for armed in self.points:
            if armed.point == point and armed.is_due():
                armed.strike()


_armed: Callable[[str], None] | None = None


def here(point: str) -> None:
    """Name this place; nothing happens unless it is armed."""
    if _armed is not None:
        _armed(point)


def arm(what: Callable[[str], None] | None) -> None:
    """Let `what` hear of every passage from now on; None lets nobody."""
    global _armed  # noqa: PLW0603
    _armed = what


def arm_from_settings() -> None:
    """Arm what ``ASTRA["crash"]`` says. Raises ConfigurationError."""
    plan = Plan.parse(bus_settings().crash)
    arm(plan.passed if plan.points else None)


def _point(part: str) -> CrashPoint:
    match = FORM.fullmatch(part)
    if match is None or match[1] not in POINTS or match[2] not in ACTIONS:
        raise ConfigurationError(f"ASTRA_CRASH: {part!r} is not a crash; {WRITE}")
    point, action, passage, share, seed = match.groups()
    if share:
        return CrashPoint(point, action, share=float(share), seed=int(seed))
    return CrashPoint(point, action, int(passage or 1))


def _pause(seconds: float) -> None:
    """Stop the whole process: one thread alone that sleeps would have its leases renewed."""
    me = os.getpid()
    argv = ["/bin/sh", "-c", f"sleep {seconds:.3f}; kill -CONT {me}"]
    with subprocess.Popen(argv, start_new_session=True):  # noqa: S603
        os.kill(me, signal.SIGSTOP)
