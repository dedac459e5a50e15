"""Moving groups on a Redis or Valkey server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from events import keys
from events.transport.base import RELEASED, RELEASED_IDLE_MS, GroupMissing
from events.transport.moving import Standing
from events.transport.redis.connection import Scripts, pipelined, reaching, translated

PAGE = 1_000
"""Entries one call looks at: a few milliseconds of a server that does one thing at a time."""


class RedisMoving:
    """The Moving contract by XGROUP SETID, XCLAIM FORCE and XGROUP DESTROY."""

    def __init__(self, commands: redis.Redis, scripts: Scripts) -> None:
        self._commands = commands
        self._scripts = scripts

    def between(self, stream: str, after: str, until: str, most: int) -> list[str]:
        found: list[str] = []
        while len(found) < most:
            count = min(PAGE, most - len(found))
            last, *ids = self._scripts.call("between", [stream], [after, until, count])
            found += [event_id.decode("utf-8", "replace") for event_id in ids]
            if len(ids) < count:
                break
            after = last.decode()
        return found

    def standing(self, stream: str, group: str, most: int) -> Standing:
        with reaching():
            groups, pending = self._looked(
                ("XINFO", "GROUPS", stream), ("XPENDING", stream, group, "-", "+", most)
            )
        position = next(
            (
                facts["last-delivered-id"].decode()
                for facts in map(_facts, groups)
                if facts["name"].decode() == group
            ),
            None,
        )
        if position is None:
            raise GroupMissing(f"NOGROUP no group {group} on {stream}")
        return Standing(position, tuple((entry_id.decode(), n) for entry_id, _, _, n in pending))

    def restore(
        self, stream: str, group: str, standing: Standing, entries_read: int | None = None
    ) -> int:
        pairs = [word for pair in standing.pending for word in pair]
        read = -1 if entries_read is None else entries_read
        args = [group, standing.position, RELEASED, RELEASED_IDLE_MS, read, *pairs]
        return int(self._scripts.call("restore", [stream], args))

    def detach(self, stream: str, group: str) -> bool:
        names = [
            stream,
            keys.retry_stream(stream, group),
            keys.due(stream, group),
            keys.bodies(stream, group),
            keys.sweep_cursor(stream, group),
        ]
        return bool(self._scripts.call("detach", names, [group]))

    def _looked(self, *commands: tuple[Any, ...]) -> list[Any]:
        replies = pipelined(self._commands, [_command(words) for words in commands])
        for reply in replies:
            if isinstance(reply, Exception):
                if "no such key" in str(reply):
                    raise GroupMissing(str(reply))
                raise translated(reply)
        return replies


def _command(words: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda pipe: pipe.execute_command(*words)


def _facts(flat: Any) -> dict[str, Any]:
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
