"""The entries of many streams as somebody sees them who only looks: as they come, or a range.

Nothing here is a consumer: reading moves no group and holds no entry back. Payloads come masked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from events import transport
from events.envelope import Event
from events.errors import InvalidEvent
from events.queries.lines import Line, line_of, unreadable
from events.registry import registry
from events.transport.base import Inspector, TailEntry

READ_COUNT = 1_000
"""Entries per stream and read."""

FULL_READS = 5
"""After so many reads in a row that came back full the reader is behind, and jumps to the end."""

RANGE_COUNT = 500
"""Entries per stream and round trip when a range is read."""

RANGE_LOOKED_AT = 20_000
"""Entries that reading one range looks at, at most; a narrow filter may find few in many."""

AROUND_MS = 2
"""Ranges overlap by this much: within a millisecond, streams are not ordered among each other."""


@dataclass(frozen=True, slots=True)
class TailStream:
    """A stream one may watch."""

    name: str
    domain: str
    event_type: str
    version: int


@dataclass(frozen=True)
class Seen:
    """An entry of the bus; decoded when somebody asks what it says, and once for all of them."""

    entry: TailEntry

    @property
    def stream(self) -> str:
        """The stream it lies on."""
        return self.entry.stream

    @property
    def place(self) -> tuple[int, int, str]:
        """Orders the entries of all streams."""
        milliseconds, _, sequence = self.entry.entry_id.partition("-")
        return int(milliseconds), int(sequence), self.entry.stream

    @cached_property
    def line(self) -> Line:
        """What it says."""
        at = datetime.fromtimestamp(self.place[0] / 1000, UTC)
        try:
            event = Event.from_json(self.entry.body)
        except InvalidEvent:
            return unreadable(self.entry, at)
        return line_of(event, self.entry.stream, at)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read brought, oldest first; `missed` counts per stream what was jumped over."""

    entries: tuple[Seen, ...] = ()
    missed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Range:
    """Lines of a range, oldest first; `complete` is False when a bound ended the reading early."""

    lines: tuple[Line, ...]
    complete: bool


Wanted = Callable[[Seen], bool]


def streams() -> tuple[TailStream, ...]:
    """Every stream of the registry, by type name."""
    return tuple(
        TailStream(entry.stream, entry.domain, entry.name, entry.version)
        for entry in registry.all()
    )


class Follower:
    """Follows every stream from the moment of `start`; one thread at a time."""

    def __init__(self, inspector: Inspector | None = None) -> None:
        self._given = inspector
        self._positions: dict[str, str] = {}
        self._counted: dict[str, int] = {}
        self._full_reads = 0

    def start(self) -> None:
        """Stand at the end of every stream. Two commands per stream, one round trip.

        Raises BusUnavailable.
        """
        self._go_to_the_end()

    def read(self, block_ms: int) -> Batch:
        """What was appended since the last read; waits up to `block_ms` (>= 1) for something.

        One command. Raises BusUnavailable; the next read then goes on where the last one ended.
        """
        entries = self._inspector.tail(self._positions, READ_COUNT, max(1, block_ms))
        full = False
        for stream, count, last_id in _ends(entries):
            self._positions[stream] = last_id
            self._counted[stream] = self._counted.get(stream, 0) + count
            full |= count >= READ_COUNT
        self._full_reads = self._full_reads + 1 if full else 0
        missed = self._go_to_the_end() if self._full_reads >= FULL_READS else {}
        return Batch(tuple(sorted(map(Seen, entries), key=lambda seen: seen.place)), missed)

    @property
    def _inspector(self) -> Inspector:
        return self._given or transport.current().inspector

    def _go_to_the_end(self) -> Mapping[str, int]:
        """Jump; returns how many entries of each stream were jumped over."""
        names = [stream.name for stream in streams()]
        found = self._inspector.streams(names)
        added = {name: info.entries_added for name, info in found.items()}
        missed = {
            name: count - self._counted[name]
            for name, count in added.items()
            if count > self._counted.get(name, count)
        }
        self._positions = {
            name: found[name].last_id or "0-0" if name in found else "0-0" for name in names
        }
        self._counted = {name: added.get(name, 0) for name in names}
        self._full_reads = 0
        return missed


def between(
    names: Collection[str],
    after_ms: int,
    before_ms: int | None,
    wanted: Wanted,
    limit: int,
    inspector: Inspector | None = None,
) -> Range:
    """The first `limit` wanted lines of a range of time, both ends included.

    Looks at RANGE_LOOKED_AT entries at most, in round trips of RANGE_COUNT per stream. Raises
    BusUnavailable.
    """
    until = now_ms() if before_ms is None else before_ms
    found: list[Line] = []
    source = inspector or transport.current().inspector
    for looked_at, seen in enumerate(_ordered(source, names, after_ms)):
        if seen.place[0] > until + AROUND_MS:
            return Range(tuple(found), complete=True)
        if len(found) >= limit or looked_at >= RANGE_LOOKED_AT:
            return Range(tuple(found), complete=False)
        if wanted(seen):
            found.append(seen.line)
    return Range(tuple(found), complete=True)


def now_ms() -> int:
    """The present in milliseconds since 1970, as ids of entries count."""
    return int(time.time() * 1000)


def _ordered(inspector: Inspector, names: Collection[str], after_ms: int) -> Iterator[Seen]:
    """Entries of several streams in one order, read in chunks."""
    positions = {name: f"{max(0, after_ms - AROUND_MS)}-0" for name in names}
    while positions:
        entries = inspector.tail(positions, RANGE_COUNT, 1)
        ends = {stream: (count, last_id) for stream, count, last_id in _ends(entries)}
        open_ended = [_time_of(last) for count, last in ends.values() if count >= RANGE_COUNT]
        # Beyond the earliest end of a full chunk, entries of that stream are still to come.
        horizon = min(open_ended, default=None)
        for seen in sorted(map(Seen, entries), key=lambda seen: seen.place):
            if horizon is None or seen.place[0] <= horizon:
                positions[seen.stream] = seen.entry.entry_id
                yield seen
        if horizon is None:
            return


def _ends(entries: Sequence[TailEntry]) -> Iterator[tuple[str, int, str]]:
    """Per stream: how many entries came, and the id of the last."""
    counts: dict[str, int] = {}
    last: dict[str, str] = {}
    for entry in entries:
        counts[entry.stream] = counts.get(entry.stream, 0) + 1
        last[entry.stream] = entry.entry_id
    return ((stream, count, last[stream]) for stream, count in counts.items())


def _time_of(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])
