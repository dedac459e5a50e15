"""The read side of the bus in memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from events.transport.base import (
    ConsumerInfo,
    RetryInfo,
    RetryState,
    ServerInfo,
    StreamGroup,
    StreamInfo,
    TailEntry,
    Whereabouts,
)
from events.transport.memory.mending import waiting_retry
from events.transport.memory.state import (
    ZERO,
    EntryId,
    Group,
    MemoryState,
    Pending,
    Stream,
    locked,
    parsed,
    spelled,
)
from events.transport.mending import Held, PendingEntry, WaitingRetry

ENTRY_BYTES = 100
"""About what an entry takes besides its body."""


class MemoryInspector(MemoryState):
    """The Inspector contract."""

    @locked
    def server(self) -> ServerInfo:
        return ServerInfo("memory", "1", 0, 0, 0, "noeviction")

    @locked
    def streams(self, names: Sequence[str]) -> dict[str, StreamInfo]:
        return {n: self._describe(n, self._streams[n]) for n in names if n in self._streams}

    def _describe(self, name: str, stream: Stream) -> StreamInfo:
        ids = list(stream.entries)
        return StreamInfo(
            name=name,
            length=len(ids),
            first_id=spelled(ids[0]) if ids else "",
            last_id=spelled(ids[-1]) if ids else "",
            entries_added=stream.added,
            groups=tuple(
                StreamGroup(
                    name=group,
                    consumers=len(member.consumers),
                    pending=len(member.pending),
                    last_delivered_id=spelled(member.last),
                    entries_read=member.read,
                    lag=len(stream.after(member.last)),
                )
                for group, member in stream.groups.items()
            ),
        )

    @locked
    def next_undelivered(
        self, positions: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], str | None]:
        found: dict[tuple[str, str], str | None] = {}
        for name, position in positions:
            later = self._streams.get(name, Stream()).after(parsed(position))
            found[name, position] = spelled(later[0]) if later else None
        return found

    @locked
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

    @locked
    def retries(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RetryInfo]:
        return {pair: self._retries_of(pair) for pair in pairs}

    def _retries_of(self, pair: tuple[str, str]) -> RetryInfo:
        waiting = self._due.get(pair, {})
        stream = self._retry.get(pair, Stream())
        begun = len(stream.groups[pair[1]].pending) if stream.groups else 0
        first = min((w.due_at for w in waiting.values()), default=None)
        woken = max(0, len(stream.entries) - begun)
        return RetryInfo(
            waiting=len(waiting) + woken,
            next_due_at=None if first is None else datetime.fromtimestamp(first, UTC),
            pending=begun,
            woken=woken,
        )

    @locked
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

    @locked
    def waiting_retries(
        self, pairs: Sequence[tuple[str, str]], limit: int, event_ids: Sequence[str] = ()
    ) -> list[WaitingRetry]:
        found = [
            waiting_retry(stream, group, event_id, waiting)
            for stream, group in pairs
            for event_id, waiting in self._due.get((stream, group), {}).items()
            if not event_ids or event_id in event_ids
        ]
        return sorted(found, key=lambda retry: retry.due_at)[:limit]

    @locked
    def pending_entries(
        self, pairs: Sequence[tuple[str, str]], limit: int, consumer: str = ""
    ) -> list[PendingEntry]:
        found: list[tuple[EntryId, PendingEntry]] = []
        for stream, group in pairs:
            for retry, source in self._sources(stream, group):
                member = source.groups.get(group, Group())
                for entry_id, pending in member.pending.items():
                    if consumer in ("", pending.consumer):
                        held = Held(stream, spelled(entry_id), pending.consumer, retry)
                        found.append((entry_id, self._pending(held, pending, source)))
        return [entry for _, entry in sorted(found, key=lambda one: one[0])[:limit]]

    @locked
    def pending_at(self, group: str, places: Sequence[Held]) -> list[PendingEntry | None]:
        return [self._pending_at(group, place) for place in places]

    def _pending_at(self, group: str, place: Held) -> PendingEntry | None:
        source = dict(self._sources(place.stream, group))[place.retry]
        pending = source.groups.get(group, Group()).pending.get(parsed(place.entry_id))
        if pending is None:
            return None
        held = Held(place.stream, place.entry_id, pending.consumer, place.retry)
        return self._pending(held, pending, source)

    def _sources(self, stream: str, group: str) -> list[tuple[bool, Stream]]:
        """The stream and the group's retry stream, each with whether it is that."""
        return [
            (False, self._streams.get(stream, Stream())),
            (True, self._retry.get((stream, group), Stream())),
        ]

    def _pending(self, held: Held, pending: Pending, source: Stream) -> PendingEntry:
        entry = source.entries.get(parsed(held.entry_id))
        return PendingEntry(
            held=held,
            idle_s=max(0.0, self.clock.now() - pending.since),
            starts=pending.count,
            delivery=entry and replace(entry, starts=pending.count),
        )

    @locked
    def whereabouts(
        self, stream: str, group: str, wanted: Sequence[tuple[UUID, str]]
    ) -> dict[UUID, Whereabouts]:
        return {
            event_id: self._where(stream, group, str(event_id), entry_id)
            for event_id, entry_id in wanted
        }

    def _where(self, stream: str, group: str, event_id: str, entry_id: str) -> Whereabouts:
        found = self._streams.get(stream, Stream())
        member, at = found.groups.get(group), parsed(entry_id or "0-0")
        there = at in found.entries
        if member is not None and there and at > member.last:
            return "undelivered"
        on_retry = self._retry.get((stream, group), Stream()).entries.values()
        waiting = self._due.get((stream, group), {})
        if event_id in waiting or any(d.event_id == event_id for d in on_retry):
            return "retry"
        if member is not None and there and at in member.pending:
            return "pending"
        return "gone" if entry_id else "unknown"

    @locked
    def incarnation(self) -> tuple[str, str]:
        self._incarnation = self._incarnation or secrets.token_hex(8)
        return self._incarnation, "memory"

    @locked
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
        return parsed(position)

    @locked
    def _tail_now(self, positions: Mapping[str, EntryId], count: int) -> list[TailEntry]:
        return [
            TailEntry(name, spelled(entry_id), entry.event_id, entry.body)
            for name, position in positions.items()
            for stream in [self._streams.get(name, Stream())]
            for entry_id in stream.after(position)[:count]
            for entry in [stream.entries[entry_id]]
        ]

    @locked
    def newest(self, stream: str, count: int) -> list[TailEntry]:
        entries = self._streams.get(stream, Stream()).entries
        return [
            TailEntry(stream, spelled(entry_id), entries[entry_id].event_id, entries[entry_id].body)
            for entry_id in sorted(entries, reverse=True)[:count]
        ]

    @locked
    def memory_bytes(self, names: Sequence[str]) -> dict[str, int]:
        return {
            name: ENTRY_BYTES
            + sum(ENTRY_BYTES + len(entry.body) for entry in stream.entries.values())
            for name in names
            if (stream := self._streams.get(name)) is not None
        }

    @locked
    def last_ids(self, names: Sequence[str]) -> dict[str, str]:
        streams = {name: self._streams.get(name, Stream()) for name in names}
        return {n: spelled(max(s.entries, default=ZERO)) for n, s in streams.items()}
