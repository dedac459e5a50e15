"""What an operator mends by hand, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from events.transport.base import RELEASED, RELEASED_IDLE_MS
from events.transport.memory.state import (
    Group,
    MemoryState,
    Pending,
    Stream,
    Waiting,
    locked,
    parsed,
)
from events.transport.mending import Dropped, Held, WaitingRetry


class MemoryMending(MemoryState):
    """The Mending contract."""

    @locked
    def hasten(
        self, stream: str, group: str, event_ids: Sequence[str], due_at: float
    ) -> list[bool]:
        found = [self._due.get((stream, group), {}).get(event_id) for event_id in event_ids]
        for waiting in found:
            if waiting is not None:
                waiting.due_at = min(waiting.due_at, due_at)
        return [waiting is not None for waiting in found]

    @locked
    def take_away(self, retries: Sequence[WaitingRetry]) -> list[bool]:
        return [self._take_away(retry) for retry in retries]

    def _take_away(self, retry: WaitingRetry) -> bool:
        waiting = self._due.get((retry.stream, retry.group), {})
        known = waiting.get(retry.event_id)
        if known is None or _mark(known) != retry.mark:
            return False
        del waiting[retry.event_id]
        return True

    @locked
    def hand_back(self, group: str, entries: Sequence[Held]) -> list[bool]:
        return [self._hand_back(group, held) for held in entries]

    def _hand_back(self, group: str, held: Held) -> bool:
        pending, there = self._standing(group, held)
        if pending is None or not there or pending.consumer != held.consumer:
            return False
        pending.consumer = RELEASED
        pending.since = self.clock.now() - RELEASED_IDLE_MS / 1_000
        return True

    @locked
    def drop_lost(self, group: str, entries: Sequence[Held]) -> list[bool]:
        return [self._drop_lost(group, held) for held in entries]

    @locked
    def dropped(self, streams: Sequence[str]) -> list[Dropped]:
        wanted = set(streams)
        found = [one for one in self._dropped if one.stream in wanted]
        return sorted(found, key=lambda one: (one.stream, one.retry, one.entry_id, one.group))

    @locked
    def forget_dropped(self, found: Sequence[Dropped]) -> None:
        self._dropped -= set(found)

    def _drop_lost(self, group: str, held: Held) -> bool:
        pending, there = self._standing(group, held)
        if pending is None or there:
            return False
        del self._source(group, held).groups[group].pending[parsed(held.entry_id)]
        return True

    def _standing(self, group: str, held: Held) -> tuple[Pending | None, bool]:
        """Who holds it, and whether it stands in its stream."""
        source, entry_id = self._source(group, held), parsed(held.entry_id)
        return source.groups.get(group, Group()).pending.get(entry_id), entry_id in source.entries

    def _source(self, group: str, held: Held) -> Stream:
        if held.retry:
            return self._retry.get((held.stream, group), Stream())
        return self._streams.get(held.stream, Stream())


def waiting_retry(stream: str, group: str, event_id: str, waiting: Waiting) -> WaitingRetry:
    """A retry as somebody who looks sees it."""
    delivery = waiting.delivery
    return WaitingRetry(
        stream=stream,
        group=group,
        event_id=event_id,
        body=delivery.body,
        due_at=datetime.fromtimestamp(waiting.due_at, UTC),
        failures=delivery.failures,
        redelivered=delivery.redelivered,
        mark=_mark(waiting),
    )


def _mark(waiting: Waiting) -> bytes:
    delivery = waiting.delivery
    return repr((delivery.redelivered, delivery.failures)).encode()
