"""Streams in memory: entries, groups, retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from events.errors import BusUnavailable
from events.transport.base import (
    RELEASED,
    RELEASED_IDLE_MS,
    Append,
    Appended,
    Delivery,
    GroupMissing,
    Reader,
    Redelivery,
    RetryLater,
    Settlement,
    Start,
)
from events.transport.memory.state import (
    ZERO,
    EntryId,
    Group,
    MemoryState,
    Pending,
    Stream,
    Waiting,
    locked,
    parsed,
    spelled,
)
from events.transport.mending import Dropped, note_dropped


class MemoryStreams(MemoryState):
    """The Streams contract; one lock stands for a server that does one thing at a time."""

    @locked
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
        stream = self._streams.setdefault(item.stream, Stream())
        if item.event_id in seen:
            known = seen[item.event_id][1]
            there = parsed(known) in stream.entries
            return Appended(item.event_id, known if there else None, duplicate=True)
        entry_id = self._add(
            stream, lambda at: Delivery(item.stream, at, str(item.event_id), item.body)
        )
        seen[item.event_id] = self.clock.now(), entry_id
        while len(seen) > self.settings.seen_limit:
            del seen[next(iter(seen))]
        return Appended(item.event_id, entry_id)

    def _add(self, stream: Stream, make: Callable[[str], Delivery]) -> str:
        ms = max(int(self.clock.now() * 1_000), stream.last[0])
        entry_id = (ms, stream.last[1] + 1 if ms == stream.last[0] else 0)
        stream.entries[entry_id] = make(spelled(entry_id))
        stream.last, stream.added = entry_id, stream.added + 1
        self.changed.notify_all()
        return spelled(entry_id)

    @locked
    def ensure_group(self, stream: str, group: str, start: Start = "beginning") -> bool:
        old = stream in self._streams
        found = self._streams.setdefault(stream, Stream())
        self._retry[stream, group].groups.setdefault(group, Group())
        if group in found.groups:
            return False
        position = found.last if old and start == "now" else ZERO
        found.groups[group] = Group(last=position)
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

    @locked
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
                member.pending[entry_id] = Pending(consumer, self.clock.now())
                found.append(stream.entries[entry_id])
        return found

    def _member(self, name: str, group: str, retry: bool) -> tuple[Stream, Group]:
        stream = self._retry.get((name, group)) if retry else self._streams.get(name)
        if stream is None or group not in stream.groups:
            raise GroupMissing(f"NOGROUP no group {group} on {name}")
        return stream, stream.groups[group]

    def _of(self, group: str, delivery: Delivery) -> tuple[Stream, Group, EntryId]:
        return *self._member(delivery.stream, group, delivery.retry), parsed(delivery.entry_id)

    def settle_all(self, work: Mapping[str, Sequence[Settlement]]) -> dict[str, list[bool]]:
        return {group: self.settle(group, settlements) for group, settlements in work.items()}

    @locked
    def settle(self, group: str, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle_one(group, settlement) for settlement in settlements]

    def _settle_one(self, group: str, settlement: Settlement) -> bool:
        delivery = settlement.delivery
        try:
            stream, member, entry_id = self._of(group, delivery)
        except GroupMissing:
            return False
        if member.pending.pop(entry_id, None) is None:
            return False
        if delivery.retry:
            stream.entries.pop(entry_id, None)
        if isinstance(settlement, RetryLater):
            again = replace(delivery, retry=True, failures=settlement.failures, starts=1)
            identity = delivery.event_id or delivery.entry_id
            waiting = Waiting(settlement.due_at, again)
            self._due[delivery.stream, group][identity] = waiting
        return True

    @locked
    def promote(self, stream: str, group: str, now: float, limit: int = 100) -> int:
        waiting = self._due[stream, group]
        ready = sorted((w.due_at, key) for key, w in waiting.items() if w.due_at <= now)[:limit]
        for _, key in ready:
            self._put_retry(waiting.pop(key).delivery, group)
        return len(ready)

    def _put_retry(self, delivery: Delivery, group: str) -> None:
        self._add(self._retry[delivery.stream, group], lambda at: replace(delivery, entry_id=at))

    @locked
    def redeliver(self, group: str, batch: Sequence[Redelivery]) -> None:
        for item in batch:
            delivery = Delivery(
                item.stream, "", item.event_id, item.body, retry=True, redelivered=item.asked
            )
            self._put_retry(delivery, group)

    @locked
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
                if entry_id not in source.entries:  # as XAUTOCLAIM has it
                    del member.pending[entry_id]
                    self._dropped.add(Dropped(stream, group, spelled(entry_id), retry))
                    note_dropped(group, stream, [spelled(entry_id)])
                    continue
                member.pending[entry_id] = Pending(consumer, self.clock.now(), pending.count)
                claimed.append(replace(source.entries[entry_id], starts=pending.count))
        return claimed

    @locked
    def begin(self, group: str, consumer: str, delivery: Delivery) -> Delivery | None:
        _, member, entry_id = self._of(group, delivery)
        pending = member.pending.get(entry_id)
        if pending is None or pending.consumer != consumer:
            return None
        pending.count, pending.since = pending.count + 1, self.clock.now()
        return replace(delivery, starts=pending.count)

    @locked
    def renew(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        for pending in self._held(group, consumer, deliveries):
            pending.since = self.clock.now()

    @locked
    def release(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            for pending in self._held(group, consumer, [delivery]):
                pending.consumer = RELEASED
                pending.since = self.clock.now() - RELEASED_IDLE_MS / 1_000
                pending.count = delivery.starts - 1

    def _held(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> Iterable[Pending]:
        for delivery in deliveries:
            _, member, entry_id = self._of(group, delivery)
            pending = member.pending.get(entry_id)
            if pending is not None and pending.consumer == consumer:
                yield pending

    @locked
    def remove_consumer(self, stream: str, group: str, consumer: str) -> bool:
        members = [self._member(stream, group, retry)[1] for retry in (False, True)]
        if any(p.consumer == consumer for m in members for p in m.pending.values()):
            return False
        for member in members:
            member.consumers.discard(consumer)
        return True

    @locked
    def move(self, stream: str, group: str, position: str, entries_read: int | None = None) -> None:
        found, member = self._member(stream, group, retry=False)
        places = {"beginning": ZERO, "end": found.last}
        member.last = places[position] if position in places else parsed(position)
        member.read = member.read if entries_read is None else entries_read

    @locked
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


class MemoryReader:
    """A group's reads that wait without a thread; what it has found it keeps until `take`."""

    def __init__(
        self, bus: MemoryStreams, group: str, consumer: str, streams: Sequence[str]
    ) -> None:
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
