"""Moving groups of the bus in memory."""

from __future__ import annotations

from events.transport.base import RELEASED, RELEASED_IDLE_MS, GroupMissing
from events.transport.memory.state import (
    Group,
    MemoryState,
    Pending,
    Stream,
    locked,
    parsed,
    spelled,
)
from events.transport.moving import Standing


class MemoryMoving(MemoryState):
    """The Moving contract."""

    @locked
    def between(self, stream: str, after: str, until: str, most: int) -> list[str]:
        entries = self._streams.get(stream, Stream()).entries
        first, last = parsed(after), parsed(until)
        found = [one.event_id for at, one in entries.items() if first < at <= last]
        return found[:most]

    @locked
    def standing(self, stream: str, group: str, most: int) -> Standing:
        _, member = self._standing_on(stream, group)
        held = sorted((at, pending.count) for at, pending in member.pending.items())
        return Standing(
            spelled(member.last), tuple((spelled(at), count) for at, count in held[:most])
        )

    @locked
    def restore(
        self, stream: str, group: str, standing: Standing, entries_read: int | None = None
    ) -> int:
        found, member = self._standing_on(stream, group)
        member.last = parsed(standing.position)
        member.read = member.read if entries_read is None else entries_read
        since = self.clock.now() - RELEASED_IDLE_MS / 1_000
        member.pending = {
            parsed(at): Pending(RELEASED, since, count)
            for at, count in standing.pending
            if parsed(at) in found.entries
        }
        return len(standing.pending) - len(member.pending)

    @locked
    def detach(self, stream: str, group: str) -> bool:
        self._retry.pop((stream, group), None)
        self._due.pop((stream, group), None)
        found = self._streams.get(stream, Stream())
        return found.groups.pop(group, None) is not None

    def _standing_on(self, stream: str, group: str) -> tuple[Stream, Group]:
        found = self._streams.get(stream, Stream())
        if group not in found.groups:
            raise GroupMissing(f"NOGROUP no group {group} on {stream}")
        return found, found.groups[group]
