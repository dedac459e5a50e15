"""The read side of the bus: pipelined looks that change nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import redis

from events import keys
from events.transport.base import (
    ConsumerInfo,
    RetryInfo,
    RetryState,
    ServerInfo,
    StreamGroup,
    StreamInfo,
    TailEntry,
    Whereabouts,
    WorkerInfo,
)
from events.transport.mending import Held, PendingEntry, WaitingRetry
from events.transport.redis.connection import block, pipelined, raw_command, reaching, translated
from events.transport.redis.entries import packed_retry
from events.transport.redis.presence import RedisPresence
from events.transport.redis.waiting import pending_at, pending_entries, waiting_retries
from events.transport.redis.whereabouts import whereabouts

Command = Callable[[Any], Any]

MEMORY_SAMPLES = 5
"""Nodes of a stream that are measured to estimate all of them: the server's own default."""


class RedisInspector:
    """Looks at a Redis or Valkey server."""

    def __init__(
        self, commands: redis.Redis, readers: redis.Redis, presence: RedisPresence
    ) -> None:
        self._commands = commands
        self._readers = readers
        self._presence = presence

    def server(self) -> ServerInfo:
        with reaching():
            info: Mapping[str, Any] = self._commands.info()
        valkey = info.get("valkey_version")
        return ServerInfo(
            name="Valkey" if valkey else "Redis",
            version=str(valkey or info.get("redis_version", "")),
            used_memory_bytes=int(info.get("used_memory", 0)),
            max_memory_bytes=int(info.get("maxmemory", 0)),
            uptime_s=int(info.get("uptime_in_seconds", 0)),
            policy=str(info.get("maxmemory_policy", "")),
            append_only=bool(int(info.get("aof_enabled", 1))),
        )

    def streams(self, names: Sequence[str]) -> dict[str, StreamInfo]:
        commands: list[Command] = []
        for name in names:
            commands.append(_command("XINFO STREAM", name))
            commands.append(_command("XINFO GROUPS", name))
        replies = self._looked(commands, missing=("no such key", "WRONGTYPE"))
        found = zip(names, replies[::2], replies[1::2], strict=True)
        return {name: _stream(name, info, groups) for name, info, groups in found if info}

    def next_undelivered(
        self, positions: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], str | None]:
        replies = self._looked(
            [_command("XRANGE", stream, f"({at}", "+", "COUNT", 1) for stream, at in positions]
        )
        return {
            position: reply[0][0].decode() if reply else None
            for position, reply in zip(positions, replies, strict=True)
        }

    def consumers(self, pairs: Sequence[tuple[str, str]]) -> list[ConsumerInfo]:
        commands = [
            _command("XINFO CONSUMERS", name, group)
            for stream, group in pairs
            for name in (stream, keys.retry_stream(stream, group))
        ]
        replies = self._looked(commands, missing=("no such key", "NOGROUP"))
        held: dict[tuple[str, str, str], int] = {}
        for index, pair in enumerate(pairs):
            for flat in [*(replies[2 * index] or ()), *(replies[2 * index + 1] or ())]:
                facts = _flat(flat)
                key = (*pair, facts["name"].decode())
                held[key] = held.get(key, 0) + facts["pending"]
        return [ConsumerInfo(*key, pending) for key, pending in held.items()]

    def retries(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RetryInfo]:
        commands: list[Command] = []
        for stream, group in pairs:
            retry, due = keys.retry_stream(stream, group), keys.due(stream, group)
            commands += [
                _command("ZCARD", due),
                _command("ZRANGE", due, 0, 0, "WITHSCORES"),
                _command("XLEN", retry),
                _command("XPENDING", retry, group),
            ]
        replies = self._looked(commands, missing=("NOGROUP",))
        return {
            pair: _retries(*replies[index * 4 : index * 4 + 4]) for index, pair in enumerate(pairs)
        }

    def retry_states(
        self, stream: str, event_id: UUID, groups: Sequence[str]
    ) -> dict[str, RetryState]:
        commands: list[Command] = []
        for group in groups:
            commands.append(_command("ZSCORE", keys.due(stream, group), str(event_id)))
            commands.append(_command("HGET", keys.bodies(stream, group), str(event_id)))
        replies = self._looked(commands)
        found = zip(groups, replies[::2], replies[1::2], strict=True)
        return {
            group: _retry_state(score, packed)
            for group, score, packed in found
            if score is not None and packed is not None
        }

    def waiting_retries(
        self, pairs: Sequence[tuple[str, str]], limit: int, event_ids: Sequence[str] = ()
    ) -> list[WaitingRetry]:
        return waiting_retries(self._look, pairs, limit, event_ids)

    def pending_entries(
        self, pairs: Sequence[tuple[str, str]], limit: int, consumer: str = ""
    ) -> list[PendingEntry]:
        return pending_entries(self._look, pairs, limit, consumer)

    def pending_at(self, group: str, places: Sequence[Held]) -> list[PendingEntry | None]:
        return pending_at(self._look, group, places)

    def whereabouts(
        self, stream: str, group: str, wanted: Sequence[tuple[UUID, str]]
    ) -> dict[UUID, Whereabouts]:
        return whereabouts(self._look, stream, group, wanted)

    def _look(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Commands in one round trip; what does not exist is answered by None."""
        missing = ("no such key", "NOGROUP")
        return self._looked([_command(*words) for words in commands], missing)

    def incarnation(self) -> tuple[str, str]:
        with reaching():
            self._commands.set(keys.incarnation(), secrets.token_hex(8), nx=True)
            word = cast("bytes | None", self._commands.get(keys.incarnation()))
            info: Mapping[str, Any] = self._commands.info("server")
        return word.decode() if word else "", str(info.get("run_id", ""))

    def tail(self, positions: Mapping[str, str], count: int, block_ms: int) -> list[TailEntry]:
        with reaching():
            reply = raw_command(
                self._readers,
                "XREAD", "COUNT", count, *block(block_ms),
                "STREAMS", *positions.keys(), *positions.values(),
            )  # fmt: skip
        return [
            _tail_entry(name.decode(), entry_id, fields)
            for name, entries in reply or ()
            for entry_id, fields in entries
        ]

    def last_ids(self, names: Sequence[str]) -> dict[str, str]:
        commands = [_command("XREVRANGE", name, "+", "-", "COUNT", 1) for name in names]
        replies = self._looked(commands)
        return {
            name: reply[0][0].decode() if reply else "0-0"
            for name, reply in zip(names, replies, strict=True)
        }

    def newest(self, stream: str, count: int) -> list[TailEntry]:
        with reaching():
            reply = raw_command(self._commands, "XREVRANGE", stream, "+", "-", "COUNT", count)
        return [_tail_entry(stream, entry_id, fields) for entry_id, fields in reply]

    def memory_bytes(self, names: Sequence[str]) -> dict[str, int]:
        words = [("MEMORY USAGE", name, "SAMPLES", MEMORY_SAMPLES) for name in names]
        replies = self._looked([_command(*command) for command in words])
        return {name: size for name, size in zip(names, replies, strict=True) if size is not None}

    def workers(self) -> tuple[WorkerInfo, ...]:
        return self._presence.alive()

    def _looked(self, commands: Sequence[Command], missing: Sequence[str] = ()) -> list[Any]:
        """Replies in one round trip; an error that says one of `missing` becomes None."""
        if not commands:
            return []
        with reaching():
            replies = pipelined(self._commands, commands)
        for index, reply in enumerate(replies):
            if isinstance(reply, Exception):
                if not any(words in str(reply) for words in missing):
                    raise translated(reply)
                replies[index] = None
        return replies


def _command(*words: Any) -> Command:
    return lambda pipe: pipe.execute_command(*words)


def _flat(reply: Sequence[Any]) -> dict[str, Any]:
    return {reply[i].decode(): reply[i + 1] for i in range(0, len(reply), 2)}


def _stream(name: str, info: Sequence[Any], groups: Sequence[Any] | None) -> StreamInfo:
    facts = _flat(info)
    first, last = facts.get("first-entry"), facts.get("last-entry")
    return StreamInfo(
        name=name,
        length=facts["length"],
        first_id=first[0].decode() if first else "",
        last_id=last[0].decode() if last else "",
        entries_added=facts.get("entries-added", 0),
        groups=tuple(_group(_flat(group)) for group in groups or ()),
    )


def _group(facts: Mapping[str, Any]) -> StreamGroup:
    return StreamGroup(
        name=facts["name"].decode(),
        consumers=facts["consumers"],
        pending=facts["pending"],
        last_delivered_id=facts["last-delivered-id"].decode(),
        entries_read=facts.get("entries-read"),
        lag=facts.get("lag"),
    )


def _retries(scheduled: int, first: Sequence[Any], length: int, pending: Any) -> RetryInfo:
    begun = pending[0] if pending else 0
    woken = max(0, length - begun)
    return RetryInfo(
        waiting=scheduled + woken,
        next_due_at=_at(float(_score(first))) if first else None,
        pending=begun,
        woken=woken,
    )


def _score(first: Sequence[Any]) -> Any:
    """ZRANGE WITHSCORES gives ``[member, score]`` raw and ``[(member, score)]`` parsed."""
    return first[0][1] if isinstance(first[0], tuple | list) else first[1]


def _retry_state(score: Any, packed: bytes) -> RetryState:
    retry = packed_retry((b"r", packed))
    failures = retry.failures if retry else ()
    last = failures[-1] if failures else None
    return RetryState(
        due_at=_at(float(score)),
        attempt=len(failures) + 1,
        error=f"{last.error}: {last.message}" if last else "",
    )


def _tail_entry(stream: str, entry_id: bytes, fields: Sequence[bytes]) -> TailEntry:
    pairs = dict(zip(fields[::2], fields[1::2], strict=False))
    event_id = pairs.get(b"id", b"").decode("utf-8", "replace")
    return TailEntry(stream, entry_id.decode(), event_id, pairs.get(b"e", b""))


def _at(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)
