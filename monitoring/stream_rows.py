"""Streams as the pages show them: present rates, who is furthest behind, and for how long there is
room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from events.queries.snapshot import Snapshot, StreamState, entry_time
from monitoring import samples
from monitoring.attention import Room
from monitoring.charts import Point
from monitoring.headroom import Place, rooms, tightest, tightness

if TYPE_CHECKING:
    from events.transport.base import StreamGroup

WINDOW_S = 3600
"""What the sparkline of a stream shows, in seconds."""

NOW_S = 180
"""A present rate begins at the newest minute within so many seconds."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream as a list shows it."""

    state: StreamState
    rate: float | None
    """Entries a second that come in, over the last minute or two."""
    furthest: StreamGroup | None
    """The group with the most before it or with it; None where no group stands on the stream."""
    room: Room | None
    """The least of its groups."""

    @property
    def first_at(self) -> datetime | None:
        """When the oldest entry that is still there was appended, by the server's clock."""
        return entry_time(self.state.info.first_id) if self.state.info else None

    @property
    def groups(self) -> int | None:
        """How many stand on it."""
        return len(self.state.info.groups) if self.state.info else None

    @property
    def short(self) -> bool:
        """There is room for some hours at most."""
        return self.room is not None and self.room.kind in ("bad", "warn")

    @property
    def backlog(self) -> int:
        """Entries that the furthest group has before it or with it."""
        return samples.unfinished(self.furthest) if self.furthest else 0


def rows(snapshot: Snapshot, name: str = "", domain: str = "") -> tuple[StreamRow, ...]:
    """Streams whose name or type contains `name`, of one domain if given, the least room first.

    Two SQL statements, whatever their number.
    """
    room_of, rate_of = rooms(snapshot), arriving(snapshot)
    found = [
        row(stream, room_of, rate_of)
        for stream in snapshot.streams
        if _called(stream, name.casefold()) and domain in ("", stream.domain)
    ]
    return tuple(sorted(found, key=_badness))


def row(
    stream: StreamState, room_of: Mapping[Place, Room], rate_of: Callable[[str], float | None]
) -> StreamRow:
    """One stream, with what `rooms` and `arriving` found."""
    places = stream.info.groups if stream.info else ()
    return StreamRow(
        state=stream,
        rate=rate_of(stream.name),
        furthest=max(places, key=_behind, default=None),
        room=tightest(room_of[stream.name, place.name] for place in places),
    )


def arriving(snapshot: Snapshot) -> Callable[[str], float | None]:
    """Entries a second of a stream, since the newest minute that is not too near to judge by; None
    where nothing was measured then. One SQL statement."""
    enough = timedelta(seconds=samples.STREAMS_S / 2)
    before = [row for row in samples.minutes(NOW_S).rows if snapshot.at - row.at >= enough]
    present = samples.Measurement(snapshot.at, samples.values_of(snapshot))
    since = samples.History((*before[-1:], present))
    return lambda name: since.rate_now(lambda values: values.streams.get(name), snapshot.at)


def hour(stream: str) -> tuple[Point, ...]:
    """Entries a second of a stream over the last hour, a minute apart. One SQL statement."""
    return samples.minutes(WINDOW_S).rates(lambda values: values.streams.get(stream))


def unknown_rooms(found: Iterable[StreamRow]) -> tuple[tuple[str, int], ...]:
    """Why the room of streams is unknown, and of how many for that reason, most first."""
    texts = (row.room.text for row in found if row.room and row.room.kind == "none")
    return tuple(Counter(texts).most_common())


def _called(stream: StreamState, text: str) -> bool:
    return text in stream.name.casefold() or text in stream.event_type.casefold()


def _badness(found: StreamRow) -> tuple[tuple[int, float], int, str]:
    return tightness(found.room), -found.backlog, found.state.name


def _behind(place: StreamGroup) -> tuple[bool, int, str]:
    """Where the server has lost count nobody knows how far: that is the furthest."""
    return place.lag is None, samples.unfinished(place), place.name
