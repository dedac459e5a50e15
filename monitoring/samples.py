"""Measurements over time: written once per tick, read as series and rates.

A row holds totals that only grow (published, handled) and states (age, dead letters). A rate is
the difference of two rows; it is unknown where a total is, or where it shrank because the bus was
emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from django.db.models import Max
from django.utils import timezone

from events import every
from events.queries.snapshot import GroupState, Snapshot
from monitoring.charts import Point
from monitoring.models import Sample

if TYPE_CHECKING:
    from events.transport.base import StreamGroup

TICK_S = 5
"""How often the whole is measured, in seconds."""

KEPT_S = {TICK_S: 75 * 60, 60: 26 * 3600, 900: 8 * 86_400}
"""Resolution of a row in seconds -> how long such rows are kept, in seconds."""

STREAMS_S = 60
"""Rows this far apart, and coarser ones, tell of single streams."""

ENOUGH_POINTS = 12
"""A window is drawn with the coarsest rows that give at least this many points."""

NOW_WITHIN_S = 30
"""The newest measurement counts as the present up to this age, in seconds."""

MOST_POINTS = 120
"""A line is thinned to about this many points: more are not seen and cost bytes."""

SMOOTHED_OVER = 4
"""Newest rows over which a present rate is averaged."""


class GroupValues(msgspec.Struct, array_like=True, frozen=True):
    """One group in a row; None is unknown."""

    lag: int | None
    age_s: float | None
    added: int | None
    delivered: int | None
    dead: int


class Values(msgspec.Struct, frozen=True):
    """One row; None is unknown."""

    published: int | None
    handled: int | None
    oldest_s: float | None
    dead: int
    workers: int
    relay: int
    domains: dict[str, int]
    groups: dict[str, GroupValues]
    streams: dict[str, int] = {}
    """Entries ever appended; only in rows a minute apart or more: there may be a thousand types."""
    unfinished: dict[str, int | None] | None = None
    """``stream group`` -> entries before the group or with it, where there are any, None where the
    server had lost count; in the same rows. None in rows of an earlier version, and while the bus
    was away."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Values and when they were true."""

    at: datetime
    values: Values


Reading = Callable[[Values], int | float | None]


@dataclass(frozen=True, slots=True)
class History:
    """Measurements of one resolution, oldest first."""

    rows: tuple[Measurement, ...]

    def states(self, read: Reading) -> tuple[Point, ...]:
        """The series of a state: one point per row."""
        return tuple((row.at, read(row.values)) for row in self.rows)

    def rates(self, read: Reading) -> tuple[Point, ...]:
        """The series of a growing total as per-second rates: one point less than rows."""
        return tuple(
            (after.at, _rate(before, after, read)) for before, after in pairwise(self.rows)
        )

    def rate_now(self, read: Reading, now: datetime | None = None) -> float | None:
        """The present rate of a growing total; None when it is unknown or the rows are old."""
        rows = self.rows[-SMOOTHED_OVER:]
        if len(rows) < 2:
            return None
        if (now or timezone.now()) - rows[-1].at > timedelta(seconds=NOW_WITHIN_S):
            return None
        return _rate(rows[0], rows[-1], read)


def values_of(snapshot: Snapshot) -> Values:
    """What of a snapshot is worth keeping."""
    domains: dict[str, int] = {}
    streams: dict[str, int] = {}
    for stream in snapshot.streams:
        if stream.info:
            streams[stream.name] = stream.info.entries_added
            domains[stream.domain] = domains.get(stream.domain, 0) + stream.info.entries_added
    reachable = snapshot.bus.reachable
    return Values(
        published=sum(domains.values()) if reachable else None,
        handled=_sum(group.delivered for group in snapshot.groups),
        oldest_s=max(_known(group.oldest_waiting_s for group in snapshot.groups), default=None),
        dead=snapshot.dead_letters_open,
        workers=sum(worker.kind == "worker" for worker in snapshot.workers),
        relay=snapshot.relay.waiting,
        domains=domains,
        groups={group.name: _group_values(group) for group in snapshot.groups},
        streams=streams,
        unfinished=_unfinished(snapshot) if reachable else None,
    )


def unfinished(place: StreamGroup) -> int:
    """Entries of one stream that a group has before it or with it."""
    return (place.lag or 0) + place.pending


def record(at: datetime, values: Values, needs: int) -> frozenset[int]:
    """Keep a measurement in every resolution that is due, and say in which. Two SQL statements."""
    rows = Sample.objects.order_by().values_list("resolution_s")
    newest = dict(rows.annotate(newest=Max("at")))
    due = [step for step in KEPT_S if _is_due(newest.get(step), at, step)]
    short = msgspec.structs.replace(values, streams={}, unfinished=None)
    bodies = {
        step: msgspec.json.encode(short if step < STREAMS_S else values).decode() for step in due
    }
    Sample.objects.bulk_create(
        Sample(at=at, resolution_s=step, needs=needs, values=body) for step, body in bodies.items()
    )
    return frozenset(due)


def history(window_s: int) -> History:
    """The window's measurements in the coarsest resolution that still draws a line.

    Ends with the newest measurement of all. At most one SQL statement per resolution.
    """
    for resolution_s in sorted(KEPT_S, reverse=True):
        rows = _read(resolution_s, window_s)
        if len(rows) >= ENOUGH_POINTS or resolution_s == TICK_S:
            break
    newest = _newest(TICK_S, 1)
    return History(rows + tuple(row for row in newest if rows and row.at > rows[-1].at))


def minutes(window_s: int) -> History:
    """The window's measurements a minute apart: those that tell of single streams. One SQL
    statement."""
    return History(_read(STREAMS_S, window_s))


def recent() -> History:
    """The newest few measurements, for present rates. One SQL statement."""
    return History(_newest(TICK_S, SMOOTHED_OVER))


def quiet_since() -> datetime | None:
    """Since when nothing needs attention, or None when nothing was ever measured.

    As far back as measurements are kept; a need shorter than a tick leaves no trace.
    """
    rows = Sample.objects.order_by("-at").values_list("at", flat=True)
    last_need = rows.filter(needs__gt=0).first()
    return last_need or rows.last()


@every(300, name="console.samples")
def prune() -> None:
    """Remove measurements that are older than their resolution is kept."""
    now = timezone.now()
    for resolution_s, kept_s in KEPT_S.items():
        Sample.objects.filter(
            resolution_s=resolution_s, at__lt=now - timedelta(seconds=kept_s)
        ).delete()


def _is_due(newest: datetime | None, at: datetime, resolution_s: int) -> bool:
    # Half a tick of grace: a tick that comes a little early must not put a row off to the next.
    return (
        resolution_s == TICK_S
        or newest is None
        or (at - newest).total_seconds() >= resolution_s - TICK_S / 2
    )


def _read(resolution_s: int, window_s: int) -> tuple[Measurement, ...]:
    since = timezone.now() - timedelta(seconds=window_s)
    rows = [row for row in _newest(resolution_s, window_s // resolution_s) if row.at >= since]
    step = -(-len(rows) // MOST_POINTS) or 1
    return tuple(rows[::-1][::step][::-1])


def _newest(resolution_s: int, count: int) -> tuple[Measurement, ...]:
    """The newest rows, at most as many as are kept, oldest first."""
    rows = (
        Sample.objects.filter(resolution_s=resolution_s)
        .order_by("-at")
        .values_list("at", "values")[: min(count, KEPT_S[resolution_s] // resolution_s)]
    )
    return tuple(
        Measurement(at, msgspec.json.decode(body, type=Values)) for at, body in reversed(rows)
    )


def _rate(before: Measurement, after: Measurement, read: Reading) -> float | None:
    first, last = read(before.values), read(after.values)
    seconds = (after.at - before.at).total_seconds()
    if first is None or last is None or last < first or seconds <= 0:
        return None
    return (last - first) / seconds


def _group_values(group: GroupState) -> GroupValues:
    return GroupValues(
        lag=group.lag,
        age_s=group.oldest_waiting_s,
        added=group.added,
        delivered=group.delivered,
        dead=group.dead_letters,
    )


def _unfinished(snapshot: Snapshot) -> dict[str, int | None]:
    return {
        f"{stream.name} {place.name}": None if place.lag is None else unfinished(place)
        for stream in snapshot.streams
        if stream.info
        for place in stream.info.groups
        if place.lag is None or unfinished(place)
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
