"""Retries that wait and entries that are held, on Redis: looked at, never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from events import keys
from events.transport.mending import Held, PendingEntry, WaitingRetry
from events.transport.redis.entries import delivered, packed_retry
from events.transport.redis.whereabouts import parsed

Look = Callable[[Sequence[tuple[Any, ...]]], list[Any]]
"""Sends commands in one round trip; what does not exist is answered by None."""

Pair = tuple[str, str]


def waiting_retries(
    look: Look, pairs: Sequence[Pair], limit: int, event_ids: Sequence[str]
) -> list[WaitingRetry]:
    """See Inspector.waiting_retries."""
    first = sorted(_due(look, pairs, limit, event_ids), key=itemgetter(0))[:limit]
    packed = look([("HGET", keys.bodies(*pair), event_id) for _, pair, event_id in first])
    found = []
    for (due_ms, (stream, group), event_id), mark in zip(first, packed, strict=True):
        retry = packed_retry((b"r", mark)) if mark is not None else None
        if retry is not None:  # else it was woken in between
            found.append(
                WaitingRetry(
                    stream=stream,
                    group=group,
                    event_id=event_id,
                    body=retry.body,
                    due_at=datetime.fromtimestamp(due_ms / 1_000, UTC),
                    failures=retry.failures,
                    redelivered=retry.redelivered,
                    mark=mark,
                )
            )
    return found


def _due(
    look: Look, pairs: Sequence[Pair], limit: int, event_ids: Sequence[str]
) -> Iterator[tuple[float, Pair, str]]:
    """When each is due: of every pair the first, or those of these events."""
    if event_ids:
        replies = look([("ZMSCORE", keys.due(*pair), *event_ids) for pair in pairs])
        for pair, scores in zip(pairs, replies, strict=True):
            for event_id, score in zip(event_ids, scores, strict=True):
                if score is not None:
                    yield float(score), pair, event_id
        return
    replies = look(
        [("ZRANGE", keys.due(*pair), 0, limit - 1, "WITHSCORES") for pair in pairs],
    )
    for pair, reply in zip(pairs, replies, strict=True):
        for member, score in _with_scores(reply):
            yield float(score), pair, member.decode("utf-8", "replace")


def _with_scores(reply: Sequence[Any]) -> Iterator[tuple[bytes, Any]]:
    """Members and scores, which the client gives one after the other, or in pairs."""
    if reply and isinstance(reply[0], tuple | list):
        yield from ((member, score) for member, score in reply)
    else:
        yield from zip(reply[::2], reply[1::2], strict=True)


def pending_entries(
    look: Look, pairs: Sequence[Pair], limit: int, consumer: str
) -> list[PendingEntry]:
    """See Inspector.pending_entries."""
    of_whom = (consumer,) if consumer else ()
    places = [
        (stream, retry, group, keys.source(stream, group, retry=retry))
        for stream, group in pairs
        for retry in (False, True)
    ]
    replies = look(
        [("XPENDING", source, group, "-", "+", limit, *of_whom) for _, _, group, source in places]
    )
    rows = [
        (place, row)
        for place, reply in zip(places, replies, strict=True)
        for row in reply or ()
    ]  # fmt: skip
    oldest = sorted(rows, key=lambda one: parsed(one[1][0].decode()))[:limit]
    entries = look([("XRANGE", source, row[0], row[0]) for (*_, source), row in oldest])
    return [
        _entry(stream, retry, row, entry)
        for ((stream, retry, *_), row), entry in zip(oldest, entries, strict=True)
    ]


def pending_at(look: Look, group: str, places: Sequence[Held]) -> list[PendingEntry | None]:
    """See Inspector.pending_at."""
    commands: list[tuple[Any, ...]] = []
    for held in places:
        source = keys.source(held.stream, group, retry=held.retry)
        commands.append(("XPENDING", source, group, held.entry_id, held.entry_id, 1))
        commands.append(("XRANGE", source, held.entry_id, held.entry_id))
    replies = look(commands)
    return [
        _entry(held.stream, held.retry, rows[0], entry) if rows else None
        for held, rows, entry in zip(places, replies[::2], replies[1::2], strict=True)
    ]


def _entry(stream: str, retry: bool, row: Sequence[Any], entry: Any) -> PendingEntry:
    entry_id, consumer, idle_ms, starts = row
    held = Held(stream, entry_id.decode(), consumer.decode("utf-8", "replace"), retry)
    found = delivered(stream, entry_id, entry[0][1], retry=retry, starts=starts) if entry else None
    return PendingEntry(held, idle_ms / 1_000, starts, found)
