"""What the bus in memory holds, its clock, and its one lock."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar
from uuid import UUID

from events.conf import BusSettings
from events.errors import BusUnavailable
from events.transport.base import (
    Delivery,
    WorkerInfo,
)
from events.transport.mending import Dropped

P = ParamSpec("P")
R = TypeVar("R")
EntryId = tuple[int, int]
ZERO: EntryId = (0, 0)


class Clock:
    """Wall-clock time that a test may move forward."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self._ahead_s += seconds


@dataclass
class Pending:
    consumer: str
    since: float
    count: int = 1


@dataclass
class Group:
    last: EntryId = ZERO
    read: int = 0
    pending: dict[EntryId, Pending] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)


@dataclass
class Stream:
    entries: dict[EntryId, Delivery] = field(default_factory=dict)
    last: EntryId = ZERO
    added: int = 0
    groups: dict[str, Group] = field(default_factory=dict)

    def after(self, position: EntryId) -> list[EntryId]:
        return [entry_id for entry_id in self.entries if entry_id > position]


@dataclass
class Waiting:
    due_at: float
    delivery: Delivery


def locked(method: Callable[P, R]) -> Callable[P, R]:
    """One at a time, as a server does it; nothing at all while it is made unreachable."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bus = args[0]
        if not isinstance(bus, MemoryState):
            raise TypeError("a method of MemoryBus was called without one")
        with bus.changed:
            if bus.down:
                raise BusUnavailable(f"the bus server does not answer: {bus.down}")
            return method(*args, **kwargs)

    return call


class MemoryState:
    """The data of all contracts. `down` set to a reason makes every call fail."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.changed = threading.Condition(threading.RLock())
        self.down = ""
        self._streams: dict[str, Stream] = {}
        self._retry: dict[tuple[str, str], Stream] = defaultdict(Stream)
        self._due: dict[tuple[str, str], dict[str, Waiting]] = defaultdict(dict)
        self._seen: dict[str, dict[UUID, tuple[float, str]]] = defaultdict(dict)
        self._dropped: set[Dropped] = set()
        self._incarnation = ""
        self._leases: dict[str, tuple[str, float]] = {}
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}


def spelled(entry_id: EntryId) -> str:
    return f"{entry_id[0]}-{entry_id[1]}"


def parsed(entry_id: str) -> EntryId:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)
