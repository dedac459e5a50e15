"""How long the bus has room for what a group does not finish, at the present rate.

What is unfinished is never trimmed. If a group falls behind, it holds memory until the server is
given no more, or the stream is: this says when, before it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from events.queries.snapshot import Snapshot
from monitoring import samples
from monitoring.attention import MEMORY_SHARE, Room
from monitoring.formats import duration

if TYPE_CHECKING:
    from events.transport.base import StreamGroup, StreamInfo

RED_S, AMBER_S = 3_600.0, 6 * 3_600.0
"""Less room than this is red, or amber: an hour is what somebody woken at night needs."""

OVER_S = 600
"""A growth is judged over the last ten minutes."""

LEAST_ENTRIES = 1_000
"""With fewer entries on the bus its memory says little about the size of one."""

USUAL_ENTRY_BYTES = 600
"""Two and a half million events of ordinary size take some 1.5 GB, those remembered included."""

ORDER = {"bad": 0, "warn": 1, "none": 2, "ok": 3}
"""Kinds of room, the worst first."""

Place = tuple[str, str]
"""Stream and group."""


def rooms(snapshot: Snapshot) -> Mapping[Place, Room]:
    """By stream and group. One SQL statement."""
    earlier = _earlier(snapshot)
    growths = {
        (info.name, place.name): _growth_per_s(snapshot, info, place, earlier)
        for info, place in _places(snapshot)
    }
    memory_s = _memory_lasts_s(snapshot, growths)
    return {
        (info.name, place.name): _room(
            snapshot, info, place, growths[info.name, place.name], memory_s
        )
        for info, place in _places(snapshot)
    }


def least(found: Mapping[Place, Room], group: str) -> Room | None:
    """The least room a group has on any stream; None when it is on none."""
    return tightest(room for (_, name), room in found.items() if name == group)


def tightest(found: Iterable[Room]) -> Room | None:
    """The least of several; None of none."""
    return min(found, key=tightness, default=None)


def tightness(room: Room | None) -> tuple[int, float]:
    """Sorts the least room first; where nobody knows comes before where there is enough."""
    return (ORDER[room.kind], room.seconds or 0.0) if room else (ORDER["none"], 0.0)


def _places(snapshot: Snapshot) -> Iterator[tuple[StreamInfo, StreamGroup]]:
    for stream in snapshot.streams:
        if stream.info:
            for place in stream.info.groups:
                yield stream.info, place


def _earlier(snapshot: Snapshot) -> samples.Measurement | None:
    """The oldest measurement of the last OVER_S that tells of single streams."""
    told = [row for row in samples.minutes(OVER_S).rows if row.values.unfinished is not None]
    old = [row for row in told if snapshot.at - row.at >= timedelta(seconds=samples.STREAMS_S / 2)]
    return old[0] if old else None


def _growth_per_s(
    snapshot: Snapshot, info: StreamInfo, place: StreamGroup, earlier: samples.Measurement | None
) -> float | None:
    """By how many entries a second it falls behind; None where nobody knows."""
    if _count_is_lost(info, place) or earlier is None or earlier.values.unfinished is None:
        return None
    before = earlier.values.unfinished.get(f"{info.name} {place.name}", 0)
    if before is None:
        return None
    seconds = (snapshot.at - earlier.at).total_seconds()
    return (samples.unfinished(place) - before) / seconds


def _count_is_lost(info: StreamInfo, place: StreamGroup) -> bool:
    return place.lag is None and place.last_delivered_id != info.last_id


def _room(
    snapshot: Snapshot,
    info: StreamInfo,
    place: StreamGroup,
    growth_per_s: float | None,
    memory_s: float | None,
) -> Room:
    if _count_is_lost(info, place):
        return Room("none", "unknown, because the server lost count: the group was moved")
    if growth_per_s is None:
        return Room("none", "unknown, because nothing was measured a minute ago")
    if growth_per_s <= 0:
        return Room("ok", "enough: not growing")
    limits = [] if memory_s is None else [(memory_s, "the server's memory is full")]
    if snapshot.backlog_cap:
        left = max(snapshot.backlog_cap - samples.unfinished(place), 0)
        limits.append((left / growth_per_s, "nothing is added to the stream"))
    if not limits:
        return Room("none", "unknown, because neither memory nor backlog has a limit")
    seconds, what = min(limits)
    kind: Literal["ok", "warn", "bad"] = (
        "bad" if seconds < RED_S else "warn" if seconds < AMBER_S else "ok"
    )
    return Room(kind, f"about {duration(seconds)} until {what}", seconds)


def _memory_lasts_s(snapshot: Snapshot, growths: Mapping[Place, float | None]) -> float | None:
    """Seconds until the server's memory is full, with all streams growing as they do; the slowest
    group of a stream decides what is kept. None where it has no limit or none grows."""
    server = snapshot.bus.server
    if not server or not server.max_memory_bytes:
        return None
    by_stream: dict[str, float] = {}
    for (stream, _), growth in growths.items():
        by_stream[stream] = max(by_stream.get(stream, 0.0), growth or 0.0)
    growth_bytes = sum(by_stream.values()) * _entry_bytes(snapshot, server.used_memory_bytes)
    free = MEMORY_SHARE * server.max_memory_bytes - server.used_memory_bytes
    return max(free, 0.0) / growth_bytes if growth_bytes else None


def _entry_bytes(snapshot: Snapshot, used_bytes: int) -> float:
    entries = sum(stream.length or 0 for stream in snapshot.streams)
    return used_bytes / entries if entries >= LEAST_ENTRIES else USUAL_ENTRY_BYTES
