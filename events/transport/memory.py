"""The bus in this process's memory: for tests, and for running without any server.

Keeps the same contract as the Redis one; its clock can be moved, so that tests need not wait.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar
from uuid import UUID

from msgspec.structs import replace

from events.conf import BusSettings
from events.errors import BusUnavailable
from events.transport.base import (
    RELEASED,
    RELEASED_IDLE_MS,
    Append,
    Appended,
    ConsumerInfo,
    Delivery,
    GroupMissing,
    Reader,
    Redelivery,
    RetryInfo,
    RetryLater,
    RetryState,
    ServerInfo,
    Settlement,
    Start,
    StreamGroup,
    StreamInfo,
    TailEntry,
    Transport,
    Whereabouts,
    WorkerInfo,
)

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
class _Pending:
    consumer: str
    since: float
    count: int = 1


@dataclass
class _Group:
    last: EntryId = ZERO
    read: int = 0
    pending: dict[EntryId, _Pending] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)


@dataclass
class _Stream:
    entries: dict[EntryId, Delivery] = field(default_factory=dict)
    last: EntryId = ZERO
    added: int = 0
    groups: dict[str, _Group] = field(default_factory=dict)

    def after(self, position: EntryId) -> list[EntryId]:
        return [entry_id for entry_id in self.entries if entry_id > position]


@dataclass
class _Waiting:
    due_at: float
    delivery: Delivery


def _locked(method: Callable[P, R]) -> Callable[P, R]:
    """One at a time, as a server does it; nothing at all while it is made unreachable."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bus = args[0]
        if not isinstance(bus, MemoryBus):
            raise TypeError("a method of MemoryBus was called without one")
        with bus.changed:
            if bus.down:
                raise BusUnavailable(f"the bus server does not answer: {bus.down}")
            return method(*args, **kwargs)

    return call


class MemoryBus:
    """All contracts in one object. `down` set to a reason makes every call fail."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.changed = threading.Condition(threading.RLock())
        self.down = ""
        self._streams: dict[str, _Stream] = {}
        self._retry: dict[tuple[str, str], _Stream] = defaultdict(_Stream)
        self._due: dict[tuple[str, str], dict[str, _Waiting]] = defaultdict(dict)
        self._seen: dict[str, dict[UUID, tuple[float, str]]] = defaultdict(dict)
        self._incarnation = ""
        self._leases: dict[str, tuple[str, float]] = {}
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}

    # Streams

    @_locked
    def append(self, batch: Sequence[Append], *, replicas: int = 0) -> list[Appended]:
        appended = [self._append_one(item) for item in batch]
        if replicas:
            raise BusUnavailable(f"0 of {replicas} replicas of the bus server follow it")
        return appended

    def _append_one(self, item: Append) -> Appended:
        seen = self._seen[item.stream]
        oldest = self.clock.now() - self.settings.seen_window_s
        for event_id in [i for i, (at, _) in seen.items() if at < oldest]:
            del seen[event_id]
        stream = self._streams.setdefault(item.stream, _Stream())
        if item.event_id in seen:
            known = seen[item.event_id][1]
            there = _parsed(known) in stream.entries
            return Appended(item.event_id, known if there else None, duplicate=True)
        entry_id = self._add(
            stream, lambda at: Delivery(item.stream, at, str(item.event_id), item.body)
        )
        seen[item.event_id] = self.clock.now(), entry_id
        while len(seen) > self.settings.seen_limit:
            del seen[next(iter(seen))]
        return Appended(item.event_id, entry_id)

    def _add(self, stream: _Stream, make: Callable[[str], Delivery]) -> str:
        ms = max(int(self.clock.now() * 1_000), stream.last[0])
        entry_id = (ms, stream.last[1] + 1 if ms == stream.last[0] else 0)
        stream.entries[entry_id] = make(_spelled(entry_id))
        stream.last, stream.added = entry_id, stream.added + 1
        self.changed.notify_all()
        return _spelled(entry_id)

    @_locked
    def ensure_group(self, stream: str, group: str, start: Start = "beginning") -> bool:
        old = stream in self._streams
        found = self._streams.setdefault(stream, _Stream())
        self._retry[stream, group].groups.setdefault(group, _Group())
        if group in found.groups:
            return False
        position = found.last if old and start == "now" else ZERO
        found.groups[group] = _Group(last=position)
        return True

    def read(
        self, group: str, consumer: str, streams: Sequence[str], count: int, block_ms: int
    ) -> list[Delivery]:
        until = time.monotonic() + block_ms / 1_000
        with self.changed:
            while True:
                found = self.read_now(group, consumer, streams, count)
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    def reader(self, group: str, consumer: str, streams: Sequence[str]) -> MemoryReader:
        return MemoryReader(self, group, consumer, streams)

    def wait(self, readers: Sequence[Reader], timeout_s: float) -> list[Reader]:
        """The twin of `read` for many groups: looks again whenever something changes."""
        until = time.monotonic() + timeout_s
        ours = [one for one in readers if isinstance(one, MemoryReader)]
        with self.changed:
            while True:
                found: list[Reader] = [one for one in ours if one.arrived()]
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    @_locked
    def read_now(
        self, group: str, consumer: str, streams: Sequence[str], count: int
    ) -> list[Delivery]:
        """What XREADGROUP without BLOCK gives."""
        sources = [self._member(name, group, retry) for retry in (False, True) for name in streams]
        found: list[Delivery] = []
        for stream, member in sources:
            member.consumers.add(consumer)
            for entry_id in stream.after(member.last)[:count]:
                member.last, member.read = entry_id, member.read + 1
                member.pending[entry_id] = _Pending(consumer, self.clock.now())
                found.append(stream.entries[entry_id])
        return found

    def _member(self, name: str, group: str, retry: bool) -> tuple[_Stream, _Group]:
        stream = self._retry.get((name, group)) if retry else self._streams.get(name)
        if stream is None or group not in stream.groups:
            raise GroupMissing(f"NOGROUP no group {group} on {name}")
        return stream, stream.groups[group]

    def _of(self, group: str, delivery: Delivery) -> tuple[_Stream, _Group, EntryId]:
        return *self._member(delivery.stream, group, delivery.retry), _parsed(delivery.entry_id)

    def settle_all(self, work: Mapping[str, Sequence[Settlement]]) -> dict[str, list[bool]]:
        return {group: self.settle(group, settlements) for group, settlements in work.items()}

    @_locked
    def settle(self, group: str, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle_one(group, settlement) for settlement in settlements]

    def _settle_one(self, group: str, settlement: Settlement) -> bool:
        delivery = settlement.delivery
        stream, member, entry_id = self._of(group, delivery)
        if member.pending.pop(entry_id, None) is None:
            return False
        if delivery.retry:
            stream.entries.pop(entry_id, None)
        if isinstance(settlement, RetryLater):
            again = replace(delivery, retry=True, failures=settlement.failures, starts=1)
            identity = delivery.event_id or delivery.entry_id
            waiting = _Waiting(settlement.due_at, again)
            self._due[delivery.stream, group][identity] = waiting
        return True

    @_locked
    def promote(self, stream: str, group: str, now: float, limit: int = 100) -> int:
        waiting = self._due[stream, group]
        ready = sorted((w.due_at, key) for key, w in waiting.items() if w.due_at <= now)[:limit]
        for _, key in ready:
            self._put_retry(waiting.pop(key).delivery, group)
        return len(ready)

    def _put_retry(self, delivery: Delivery, group: str) -> None:
        self._add(self._retry[delivery.stream, group], lambda at: replace(delivery, entry_id=at))

    @_locked
    def redeliver(self, group: str, batch: Sequence[Redelivery]) -> None:
        for item in batch:
            delivery = Delivery(
                item.stream, "", item.event_id, item.body, retry=True, redelivered=item.asked
            )
            self._put_retry(delivery, group)

    @_locked
    def reclaim(
        self, stream: str, group: str, consumer: str, min_idle_s: float, count: int = 100
    ) -> list[Delivery]:
        claimed: list[Delivery] = []
        oldest = self.clock.now() - min_idle_s
        for retry in (False, True):
            source, member = self._member(stream, group, retry)
            idle = [key for key, p in member.pending.items() if p.since <= oldest][:count]
            for entry_id in idle:
                pending = member.pending[entry_id]
                member.pending[entry_id] = _Pending(consumer, self.clock.now(), pending.count)
                claimed.append(replace(source.entries[entry_id], starts=pending.count))
        return claimed

    @_locked
    def begin(self, group: str, consumer: str, delivery: Delivery) -> Delivery | None:
        _, member, entry_id = self._of(group, delivery)
        pending = member.pending.get(entry_id)
        if pending is None or pending.consumer != consumer:
            return None
        pending.count, pending.since = pending.count + 1, self.clock.now()
        return replace(delivery, starts=pending.count)

    @_locked
    def renew(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        for pending in self._held(group, consumer, deliveries):
            pending.since = self.clock.now()

    @_locked
    def release(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            for pending in self._held(group, consumer, [delivery]):
                pending.consumer = RELEASED
                pending.since = self.clock.now() - RELEASED_IDLE_MS / 1_000
                pending.count = delivery.starts - 1

    def _held(
        self, group: str, consumer: str, deliveries: Sequence[Delivery]
    ) -> Iterable[_Pending]:
        for delivery in deliveries:
            _, member, entry_id = self._of(group, delivery)
            pending = member.pending.get(entry_id)
            if pending is not None and pending.consumer == consumer:
                yield pending

    @_locked
    def remove_consumer(self, stream: str, group: str, consumer: str) -> bool:
        members = [self._member(stream, group, retry)[1] for retry in (False, True)]
        if any(p.consumer == consumer for m in members for p in m.pending.values()):
            return False
        for member in members:
            member.consumers.discard(consumer)
        return True

    @_locked
    def trim(self, stream: str, before_ms: int, *, exact: bool = False) -> int:
        found = self._streams.get(stream)
        if found is None or not found.groups:
            return 0
        unfinished = [min(g.pending, default=g.last) for g in found.groups.values()]
        floor = min([(before_ms, 0), *unfinished])
        gone = [entry_id for entry_id in found.entries if entry_id < floor]
        for entry_id in gone:
            del found.entries[entry_id]
        return len(gone)

    # Leases and presence

    @_locked
    def acquire(self, name: str, token: str, ttl_s: float) -> bool:
        holder, until = self._leases.get(name, (token, 0.0))
        if holder != token and until > self.clock.now():
            return False
        self._leases[name] = (token, self.clock.now() + ttl_s)
        return True

    @_locked
    def drop(self, name: str, token: str) -> None:
        if self._leases.get(name, ("", 0.0))[0] == token:
            del self._leases[name]

    @_locked
    def beat(self, worker: WorkerInfo, ttl_s: float) -> None:
        self._workers[worker.name] = (worker, self.clock.now() + ttl_s)

    @_locked
    def leave(self, name: str) -> None:
        self._workers.pop(name, None)

    @_locked
    def alive(self) -> tuple[WorkerInfo, ...]:
        now = self.clock.now()
        return tuple(
            self._workers[n][0] for n in sorted(self._workers) if self._workers[n][1] > now
        )

    def workers(self) -> tuple[WorkerInfo, ...]:
        return self.alive()

    # Inspector

    @_locked
    def server(self) -> ServerInfo:
        return ServerInfo("memory", "1", 0, 0, 0, "noeviction")

    @_locked
    def streams(self, names: Sequence[str]) -> dict[str, StreamInfo]:
        return {n: self._describe(n, self._streams[n]) for n in names if n in self._streams}

    def _describe(self, name: str, stream: _Stream) -> StreamInfo:
        ids = list(stream.entries)
        return StreamInfo(
            name=name,
            length=len(ids),
            first_id=_spelled(ids[0]) if ids else "",
            last_id=_spelled(ids[-1]) if ids else "",
            entries_added=stream.added,
            groups=tuple(
                StreamGroup(
                    name=group,
                    consumers=len(member.consumers),
                    pending=len(member.pending),
                    last_delivered_id=_spelled(member.last),
                    entries_read=member.read,
                    lag=len(stream.after(member.last)),
                )
                for group, member in stream.groups.items()
            ),
        )

    @_locked
    def next_undelivered(
        self, positions: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], str | None]:
        found: dict[tuple[str, str], str | None] = {}
        for name, position in positions:
            later = self._streams.get(name, _Stream()).after(_parsed(position))
            found[name, position] = _spelled(later[0]) if later else None
        return found

    @_locked
    def consumers(self, pairs: Sequence[tuple[str, str]]) -> list[ConsumerInfo]:
        held: dict[tuple[str, str, str], int] = {}
        for stream, group in pairs:
            for source in (self._streams.get(stream), self._retry.get((stream, group))):
                member = source and source.groups.get(group)
                for name in member.consumers if member else ():
                    held.setdefault((stream, group, name), 0)
                for entry in member.pending.values() if member else ():
                    key = (stream, group, entry.consumer)
                    held[key] = held.get(key, 0) + 1
        return [ConsumerInfo(*key, pending) for key, pending in held.items()]

    @_locked
    def retries(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RetryInfo]:
        return {pair: self._retries_of(pair) for pair in pairs}

    def _retries_of(self, pair: tuple[str, str]) -> RetryInfo:
        waiting = self._due.get(pair, {})
        stream = self._retry.get(pair, _Stream())
        begun = len(stream.groups[pair[1]].pending) if stream.groups else 0
        first = min((w.due_at for w in waiting.values()), default=None)
        return RetryInfo(
            waiting=len(waiting) + len(stream.entries) - begun,
            next_due_at=None if first is None else datetime.fromtimestamp(first, UTC),
            pending=begun,
        )

    @_locked
    def retry_states(
        self, stream: str, event_id: UUID, groups: Sequence[str]
    ) -> dict[str, RetryState]:
        found: dict[str, RetryState] = {}
        for group in groups:
            waiting = self._due.get((stream, group), {}).get(str(event_id))
            if waiting is not None:
                last = waiting.delivery.failures[-1]
                due_at = datetime.fromtimestamp(waiting.due_at, UTC)
                error = f"{last.error}: {last.message}"
                found[group] = RetryState(due_at, waiting.delivery.attempt, error)
        return found

    @_locked
    def whereabouts(
        self, stream: str, group: str, wanted: Sequence[tuple[UUID, str]]
    ) -> dict[UUID, Whereabouts]:
        return {
            event_id: self._where(stream, group, str(event_id), entry_id)
            for event_id, entry_id in wanted
        }

    def _where(self, stream: str, group: str, event_id: str, entry_id: str) -> Whereabouts:
        found = self._streams.get(stream, _Stream())
        member, at = found.groups.get(group), _parsed(entry_id or "0-0")
        there = at in found.entries
        if member is not None and there and at > member.last:
            return "undelivered"
        on_retry = self._retry.get((stream, group), _Stream()).entries.values()
        waiting = self._due.get((stream, group), {})
        if event_id in waiting or any(d.event_id == event_id for d in on_retry):
            return "retry"
        if member is not None and there and at in member.pending:
            return "pending"
        return "gone" if entry_id else "unknown"

    @_locked
    def incarnation(self) -> tuple[str, str]:
        self._incarnation = self._incarnation or secrets.token_hex(8)
        return self._incarnation, "memory"

    @_locked
    def flush(self) -> None:
        """Lose everything, as FLUSHALL does."""
        for kept in (
            self._streams,
            self._retry,
            self._due,
            self._seen,
            self._leases,
            self._workers,
        ):
            kept.clear()
        self._incarnation = ""

    def tail(self, positions: Mapping[str, str], count: int, block_ms: int) -> list[TailEntry]:
        until = time.monotonic() + block_ms / 1_000
        with self.changed:
            fixed = {n: self._position(n, position) for n, position in positions.items()}
            while True:
                found = self._tail_now(fixed, count)
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    def _position(self, name: str, position: str) -> EntryId:
        if position == "$":
            return self._streams[name].last if name in self._streams else ZERO
        return _parsed(position)

    @_locked
    def _tail_now(self, positions: Mapping[str, EntryId], count: int) -> list[TailEntry]:
        return [
            TailEntry(name, _spelled(entry_id), entry.event_id, entry.body)
            for name, position in positions.items()
            for stream in [self._streams.get(name, _Stream())]
            for entry_id in stream.after(position)[:count]
            for entry in [stream.entries[entry_id]]
        ]

    @_locked
    def last_ids(self, names: Sequence[str]) -> dict[str, str]:
        streams = {name: self._streams.get(name, _Stream()) for name in names}
        return {n: _spelled(max(s.entries, default=ZERO)) for n, s in streams.items()}


class MemoryReader:
    """A group's reads that wait without a thread; what it has found it keeps until `take`."""

    def __init__(self, bus: MemoryBus, group: str, consumer: str, streams: Sequence[str]) -> None:
        self._bus = bus
        self._read = partial(bus.read_now, group, consumer, streams)
        self._count = 0
        self._found: list[Delivery] = []
        self._error: Exception | None = None

    def ask(self, count: int) -> None:
        self._count = count

    def arrived(self) -> bool:
        """Whether there is something to take; reads it, as a server does for one who waits."""
        if self._count and not self._found and self._error is None:
            try:
                self._found = self._read(self._count)
            except (BusUnavailable, GroupMissing) as error:
                self._error = error
        return bool(self._found) or self._error is not None

    def take(self) -> list[Delivery]:
        with self._bus.changed:
            if not self.arrived():
                return []
            found, error = self._found, self._error
            self._found, self._error, self._count = [], None, 0
            if error is not None:
                raise error
            return found

    def close(self) -> list[Delivery]:
        found, self._found, self._count = self._found, [], 0
        return found


def open_transport(settings: BusSettings) -> Transport:
    """A fresh bus, empty."""
    bus = MemoryBus(settings)
    return Transport(streams=bus, leases=bus, presence=bus, inspector=bus, name="memory")


def _spelled(entry_id: EntryId) -> str:
    return f"{entry_id[0]}-{entry_id[1]}"


def _parsed(entry_id: str) -> EntryId:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)
