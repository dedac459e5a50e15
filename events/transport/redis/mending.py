"""What an operator mends by hand, on Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import redis

from events import keys
from events.transport.base import RELEASED, RELEASED_IDLE_MS
from events.transport.mending import Dropped, Held, WaitingRetry
from events.transport.redis.connection import Call, Scripts, pipelined, reaching, translated


class RedisMending:
    """The Mending contract: a script for each place, and for what must be seen and done as one."""

    def __init__(self, commands: redis.Redis, scripts: Scripts) -> None:
        self._commands = commands
        self._scripts = scripts

    def hasten(
        self, stream: str, group: str, event_ids: Sequence[str], due_at: float
    ) -> list[bool]:
        if not event_ids:
            return []
        due, ms = keys.due(stream, group), int(due_at * 1_000)
        earlier = [word for event_id in event_ids for word in (ms, event_id)]
        with reaching():
            there, done = pipelined(
                self._commands,
                [
                    lambda pipe: pipe.execute_command("ZMSCORE", due, *event_ids),
                    # XX: one that has been woken in between does not come back.
                    lambda pipe: pipe.execute_command("ZADD", due, "XX", "LT", *earlier),
                ],
            )
        for reply in (there, done):
            if isinstance(reply, Exception):
                raise translated(reply)
        return [score is not None for score in there]

    def take_away(self, retries: Sequence[WaitingRetry]) -> list[bool]:
        calls: dict[tuple[str, str], list[tuple[int, WaitingRetry]]] = defaultdict(list)
        for index, retry in enumerate(retries):
            calls[retry.stream, retry.group].append((index, retry))
        return self._each(
            len(retries),
            [
                (
                    [index for index, _ in members],
                    "take_away",
                    [keys.due(*place), keys.bodies(*place)],
                    [word for _, retry in members for word in (retry.event_id, retry.mark)],
                )
                for place, members in calls.items()
            ],
        )

    def hand_back(self, group: str, entries: Sequence[Held]) -> list[bool]:
        head = [group, RELEASED, RELEASED_IDLE_MS]
        return self._held("hand_back", group, head, entries)

    def drop_lost(self, group: str, entries: Sequence[Held]) -> list[bool]:
        return self._held("drop_lost", group, [group], entries)

    def dropped(self, streams: Sequence[str]) -> list[Dropped]:
        with reaching():
            found = pipelined(
                self._commands,
                [_command("SMEMBERS", keys.dropped(name)) for name in streams],
            )
        told: list[Dropped] = []
        for stream, members in zip(streams, found, strict=True):
            if isinstance(members, Exception):
                raise translated(members)
            told += [_dropped(stream, member.decode()) for member in sorted(members)]
        return told

    def forget_dropped(self, found: Sequence[Dropped]) -> None:
        by_stream: dict[str, list[str]] = defaultdict(list)
        for one in found:
            word = f"{'r' if one.retry else 's'}{one.entry_id} {one.group}"
            by_stream[keys.dropped(one.stream)].append(word)
        with reaching():
            pipelined(
                self._commands,
                [_command("SREM", name, *words) for name, words in by_stream.items()],
            )

    def _held(
        self, name: str, group: str, head: Sequence[Any], entries: Sequence[Held]
    ) -> list[bool]:
        """Call a script once for each stream, with entry id and consumer of each."""
        by_source: dict[str, list[tuple[int, Held]]] = defaultdict(list)
        for index, held in enumerate(entries):
            source = keys.source(held.stream, group, retry=held.retry)
            by_source[source].append((index, held))
        return self._each(
            len(entries),
            [
                (
                    [index for index, _ in members],
                    name,
                    [source],
                    [*head, *(w for _, held in members for w in (held.entry_id, held.consumer))],
                )
                for source, members in by_source.items()
            ],
        )

    def _each(
        self, count: int, work: Sequence[tuple[Sequence[int], str, list[str], list[Any]]]
    ) -> list[bool]:
        """Run scripts in one round trip; what each says of its members, in the order asked."""
        told = [False] * count
        calls: list[Call] = [(name, names, args) for _, name, names, args in work]
        replies = self._scripts.call_all(calls) if calls else []
        for (indices, *_), reply in zip(work, replies, strict=True):
            for index, done in zip(indices, reply, strict=True):
                told[index] = bool(done)
        return told


def _command(*words: str) -> Callable[[Any], Any]:
    """One command of a pipeline."""
    return lambda pipe: pipe.execute_command(*words)


def _dropped(stream: str, word: str) -> Dropped:
    """What the script wrote: ``s1700-0 group``, with ``r`` for one of the retry stream."""
    entry_id, _, group = word[1:].partition(" ")
    return Dropped(stream, group, entry_id, retry=word[0] == "r")
