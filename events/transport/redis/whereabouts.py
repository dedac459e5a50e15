"""Where events stand on the bus for one group: looked up, never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from events import keys
from events.transport.base import RETRY_LOOK, Whereabouts
from events.transport.redis.entries import packed_retry

Look = Callable[[Sequence[tuple[Any, ...]]], list[Any]]
"""Sends commands in one round trip; what does not exist is answered by None."""

EntryId = tuple[int, int]


def whereabouts(
    look: Look, stream: str, group: str, wanted: Sequence[tuple[UUID, str]]
) -> dict[UUID, Whereabouts]:
    """See Inspector.whereabouts."""
    info, groups = look([("XINFO STREAM", stream), ("XINFO GROUPS", stream)])
    delivered = _last_delivered(groups or (), group)
    oldest, newest = _bounds(info)
    found: dict[UUID, Whereabouts] = {}
    behind: list[tuple[UUID, str]] = []
    for event_id, entry_id in wanted:
        at = parsed(entry_id) if entry_id else None
        if at and delivered is not None and max(delivered, oldest) < at <= newest:
            found[event_id] = "undelivered"
        else:
            behind.append((event_id, entry_id))
    return found | (_behind(look, stream, group, behind) if behind else {})


def _behind(
    look: Look, stream: str, group: str, events: Sequence[tuple[UUID, str]]
) -> dict[UUID, Whereabouts]:
    """Events that were delivered before, or whose entry nobody knows.

    Looked for in the order in which they move: with a consumer, waiting for a retry, on its way to
    one, and waiting again. One that moves on meanwhile is met at its next place.
    """
    due = [("ZSCORE", keys.due(stream, group), str(event_id)) for event_id, _ in events]
    held: list[tuple[Any, ...]] = []
    for _, entry_id in events:
        at = entry_id or "0-1"
        held += [("XPENDING", stream, group, at, at, 1), ("XRANGE", stream, at, at)]
    on_its_way = ("XRANGE", keys.retry_stream(stream, group), "-", "+", "COUNT", RETRY_LOOK + 1)
    replies = look([*held, *due, on_its_way, *due])
    size = len(events)
    retries = replies[3 * size] or ()
    waking = {retry.event_id for _, fields in retries if (retry := packed_retry(fields))}
    found: dict[UUID, Whereabouts] = {}
    for index, (event_id, entry_id) in enumerate(events):
        pending, entry = replies[2 * index : 2 * index + 2]
        waits = (replies[2 * size + index], replies[3 * size + 1 + index]) != (None, None)
        if waits or str(event_id) in waking:
            found[event_id] = "retry"
        elif pending and entry:
            found[event_id] = "pending"
        else:
            told = entry_id and len(retries) <= RETRY_LOOK
            found[event_id] = "gone" if told else "unknown"
    return found


def _last_delivered(groups: Sequence[Sequence[Any]], group: str) -> EntryId | None:
    for flat in groups:
        facts = {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
        if facts["name"].decode() == group:
            return parsed(facts["last-delivered-id"].decode())
    return None


def _bounds(info: Sequence[Any] | None) -> tuple[EntryId, EntryId]:
    """Ids just before the oldest entry, and of the newest."""
    facts = {info[i].decode(): info[i + 1] for i in range(0, len(info), 2)} if info else {}
    first, last = facts.get("first-entry"), facts.get("last-entry")
    if not first or not last:
        return (0, 0), (0, 0)
    ms, sequence = parsed(first[0].decode())
    return (ms, sequence - 1), parsed(last[0].decode())


def parsed(entry_id: str) -> EntryId:
    """``12-3`` -> (12, 3): ids compare as numbers, not as text."""
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)
