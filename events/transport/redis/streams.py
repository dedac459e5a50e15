"""Streams on Redis: entries, groups, retries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec
import redis
from msgspec.structs import replace

from events import keys
from events.conf import BusSettings
from events.transport.base import (
    RELEASED,
    RELEASED_IDLE_MS,
    Append,
    Appended,
    Delivery,
    Reader,
    Redelivery,
    RetryLater,
    Settlement,
    Start,
)
from events.transport.mending import note_dropped
from events.transport.redis.connection import (
    Call,
    Scripts,
    block,
    pipelined,
    raw_command,
    reaching,
    translated,
)
from events.transport.redis.entries import (
    PackedRetry,
    delivered,
    deliveries,
    pack_retry,
)
from events.transport.redis.reader import RedisReader, awaited

PLACES = {"beginning": "0", "end": "$"}

id_text = msgspec.json.Encoder().encode
"""An id's text in quotes, in a third of the time of `str`."""

EARLIER = ord("=")
"""How the append script's answer for an event begins that it has seen before."""

CALLS_IN_FLIGHT = 16
"""Most append calls sent before the first reply is read: 3 200 events, a few megabytes."""


class RedisStreams:
    """The Streams contract by XADD, XREADGROUP, XACK and the scripts beside this module."""

    def __init__(
        self, commands: redis.Redis, readers: redis.Redis, scripts: Scripts, settings: BusSettings
    ) -> None:
        self._commands = commands
        self._readers = readers
        self._scripts = scripts
        self._settings = settings

    def close(self) -> None:
        """Give the connections back to the system."""
        self._commands.close()
        self._readers.close()

    def append(self, batch: Sequence[Append], *, replicas: int = 0) -> list[Appended]:
        if not batch:
            return []
        by_stream = _by_stream(batch)
        order = batch if len(by_stream) == 1 else list(chain.from_iterable(by_stream.values()))
        calls = self._append_calls(by_stream)
        replies = chain.from_iterable(self._in_flight(calls, replicas))
        appended = [
            Appended(item.event_id, entry.decode())
            if entry[0] != EARLIER
            else _earlier(item, entry)
            for item, entry in zip(order, replies, strict=True)
        ]
        if order is batch:
            return appended
        found = {id(item): told for item, told in zip(order, appended, strict=True)}
        return [found[id(item)] for item in batch]

    def _append_calls(self, by_stream: Mapping[str, Sequence[Append]]) -> Iterator[Call]:
        """One call for each stream and `append_batch` events, made when it is asked for."""
        limits = [self._settings.seen_window_s * 1_000, self._settings.seen_limit]
        most = self._settings.append_batch
        for stream, events in by_stream.items():
            for at in range(0, len(events), most):
                members = events[at : at + most]
                ids = [id_text(item.event_id)[1:-1] for item in members]
                bodies = [item.body for item in members]
                args = [*limits, len(members), *ids, *bodies]
                yield "append", [stream, keys.seen(stream)], args

    def _in_flight(self, calls: Iterator[Call], replicas: int) -> Iterator[Any]:
        """Replies of the calls, a few of them on their way at a time."""
        while True:
            some = islice(calls, CALLS_IN_FLIGHT)
            if replicas:
                waiting = list(some)
                replies = self._scripts.call_replicated(waiting, replicas) if waiting else []
            else:
                replies = self._scripts.call_streamed(some)
            yield from replies
            if len(replies) < CALLS_IN_FLIGHT:
                return

    def ensure_group(self, stream: str, group: str, start: Start = "beginning") -> bool:
        with reaching():
            old = start == "now" and self._commands.exists(stream)
            self._create(keys.retry_stream(stream, group), group, "0")
            return self._create(stream, group, "$" if old else "0")

    def _create(self, stream: str, group: str, position: str) -> bool:
        try:
            self._commands.xgroup_create(stream, group, position, mkstream=True)
        except redis.ResponseError as error:
            if str(error).startswith("BUSYGROUP"):
                return False
            raise
        return True

    def read(
        self, group: str, consumer: str, streams: Sequence[str], count: int, block_ms: int
    ) -> list[Delivery]:
        sources = {keys.retry_stream(stream, group): stream for stream in streams}
        names = [*streams, *sources]
        with reaching():
            reply = raw_command(
                self._readers,
                "XREADGROUP", "GROUP", group, consumer, "COUNT", count, *block(block_ms),
                "STREAMS", *names, *([">"] * len(names)),
            )  # fmt: skip
        return deliveries(reply, sources)

    def reader(self, group: str, consumer: str, streams: Sequence[str]) -> RedisReader:
        return RedisReader(
            self._commands, self._readers, group, consumer, streams, self._settings.block_ms
        )

    def wait(self, readers: Sequence[Reader], timeout_s: float) -> list[Reader]:
        return awaited(readers, timeout_s)

    def settle(self, group: str, settlements: Sequence[Settlement]) -> list[bool]:
        return self.settle_all({group: settlements})[group]

    def settle_all(self, work: Mapping[str, Sequence[Settlement]]) -> dict[str, list[bool]]:
        by_place: dict[tuple[str, str], list[Settlement]] = defaultdict(list)
        for group, settlements in work.items():
            for settlement in settlements:
                by_place[group, settlement.delivery.stream].append(settlement)
        calls = [
            _settle_call(group, stream, members) for (group, stream), members in by_place.items()
        ]
        replies = self._scripts.call_all(calls) if calls else []
        ours: dict[int, bool] = {}
        for members, (done, *scheduled) in zip(by_place.values(), replies, strict=True):
            later = [member for member in members if isinstance(member, RetryLater)]
            all_ours = done == len(members) - len(later)
            ours |= {id(member): all_ours for member in members}
            ours |= {id(m): bool(told) for m, told in zip(later, scheduled, strict=True)}
        return {
            group: [ours[id(settlement)] for settlement in settlements]
            for group, settlements in work.items()
        }

    def promote(self, stream: str, group: str, now: float, limit: int = 100) -> int:
        names = [
            keys.due(stream, group), keys.bodies(stream, group), keys.retry_stream(stream, group)
        ]  # fmt: skip
        return int(self._scripts.call("promote", names, [int(now * 1_000), limit]))

    def redeliver(self, group: str, batch: Sequence[Redelivery]) -> None:
        commands = [
            lambda pipe, item=item: pipe.xadd(
                keys.retry_stream(item.stream, group),
                {"r": pack_retry(PackedRetry(item.event_id, item.body, item.asked))},
            )
            for item in batch
        ]
        with reaching():
            _raise_first(pipelined(self._commands, commands))

    def reclaim(
        self, stream: str, group: str, consumer: str, min_idle_s: float, count: int = 100
    ) -> list[Delivery]:
        sources = [(stream, False), (keys.retry_stream(stream, group), True)]
        args = [group, consumer, int(min_idle_s * 1_000), count]
        notes = [keys.sweep_cursor(stream, group), keys.dropped(stream)]
        calls: list[Call] = [
            ("reclaim", [name, *notes], [*args, "r" if retry else "s"]) for name, retry in sources
        ]
        replies = self._scripts.call_all(calls)
        for (name, _), (_, dropped) in zip(sources, replies, strict=True):
            note_dropped(group, name, [entry_id.decode() for entry_id in dropped])
        return [
            delivered(stream, entry_id, fields, retry=retry, starts=starts)
            for (_, retry), (entries, _) in zip(sources, replies, strict=True)
            for entry_id, fields, starts in entries
        ]

    def begin(self, group: str, consumer: str, delivery: Delivery) -> Delivery | None:
        args = [group, consumer, delivery.entry_id]
        starts = int(self._scripts.call("begin", [_source(group, delivery)], args))
        return replace(delivery, starts=starts) if starts else None

    def renew(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        by_source: dict[str, list[str]] = defaultdict(list)
        for delivery in deliveries:
            by_source[_source(group, delivery)].append(delivery.entry_id)
        calls: list[Call] = [
            ("renew", [source], [group, consumer, *ids]) for source, ids in by_source.items()
        ]
        if calls:
            self._scripts.call_all(calls)

    def release(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        by_source: dict[str, list[Any]] = defaultdict(list)
        for delivery in deliveries:
            by_source[_source(group, delivery)] += [delivery.entry_id, delivery.starts - 1]
        calls: list[Call] = [
            ("release", [source], [group, consumer, RELEASED, RELEASED_IDLE_MS, *pairs])
            for source, pairs in by_source.items()
        ]
        if calls:
            self._scripts.call_all(calls)

    def remove_consumer(self, stream: str, group: str, consumer: str) -> bool:
        sources = [stream, keys.retry_stream(stream, group)]
        calls: list[Call] = [("remove_consumer", [name], [group, consumer]) for name in sources]
        return all(self._scripts.call_all(calls))

    def move(self, stream: str, group: str, position: str, entries_read: int | None = None) -> None:
        with reaching():
            self._commands.xgroup_setid(stream, group, PLACES.get(position, position), entries_read)

    def trim(self, stream: str, before_ms: int, *, exact: bool = False) -> int:
        return int(self._scripts.call("trim", [stream], [before_ms, "=" if exact else "~"]))


def _earlier(item: Append, entry: bytes) -> Appended:
    """What the append script says of an event it has seen before."""
    return Appended(item.event_id, entry[1:].decode() or None, duplicate=True)


def _by_stream(batch: Sequence[Append]) -> Mapping[str, Sequence[Append]]:
    """The batch by stream, its order kept."""
    by_stream: dict[str, list[Append]] = defaultdict(list)
    for item in batch:
        by_stream[item.stream].append(item)
    return by_stream


def _settle_call(group: str, stream: str, members: Sequence[Settlement]) -> Call:
    """One call that settles what a group has done on one stream."""
    plain: list[str] = []
    retried: list[str] = []
    later: list[Any] = []
    for member in members:
        delivery = member.delivery
        if isinstance(member, RetryLater):
            packed = PackedRetry(
                delivery.event_id, delivery.body, delivery.redelivered, member.failures
            )
            later += [
                "r" if delivery.retry else "s",
                delivery.entry_id,
                delivery.event_id or delivery.entry_id,
                int(member.due_at * 1_000),
                pack_retry(packed),
            ]
        elif delivery.retry:
            retried.append(delivery.entry_id)
        else:
            plain.append(delivery.entry_id)
    names = [
        stream,
        keys.retry_stream(stream, group),
        keys.due(stream, group),
        keys.bodies(stream, group),
    ]
    return "settle", names, [group, len(plain), len(retried), *plain, *retried, *later]


def _source(group: str, delivery: Delivery) -> str:
    return keys.source(delivery.stream, group, retry=delivery.retry)


def _raise_first(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise translated(reply)
