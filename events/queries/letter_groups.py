"""Dead letters that are alike: by failure, event type, group or code version of the worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Min, OuterRef, Subquery

from events.envelope import now
from events.models import DeadLetter
from events.queries.dead_letters import STATES, Letter, Shown, read
from events.queries.failure_notes import Said, said_of
from events.queries.letter_filter import LetterFilter
from events.queries.letter_trend import Series, trends

By = Literal["failure", "type", "group", "version"]

KEYS: Mapping[By, tuple[str, ...]] = {
    "failure": ("group_name", "fingerprint"),
    "type": ("event_type",),
    "group": ("group_name",),
    "version": ("code_version",),
}
"""Columns that are the same in all letters of a line: after the state they begin an index, which
goes on with the time."""

LINES_SHOWN = 25
"""Lines on a page."""

MOST_LINES = 5_000
"""Lines that are told apart in one state."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """One line: dead letters that have `key` in common."""

    key: Key
    count: int
    replaying: int
    several_types: bool
    """The first and the last of them are of different event types."""
    first_failed_at: datetime
    """First failure of the one with the lowest number."""
    last_failed_at: datetime
    last_replayed_at: datetime | None
    """When one of this failure last went back to its group, whatever became of it."""
    sample: Letter
    """The one that failed last."""
    trend: Series
    """Failures in equal stretches of the last 24 h, or of as much of it as was looked at."""
    said: Said | None
    """What operators say of it; only of a failure."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Lines, largest first, and what they are lines of."""

    rows: tuple[Alike, ...]
    next: int | None
    """How many lines the next page skips; None on the last."""
    total: int
    """Letters in all lines."""
    lines: int
    groups: tuple[str, ...]
    """Groups they are of, where lines tell."""
    capped: bool
    """There are more lines than were told apart: the figures are at least what they say."""


def grouped(
    chosen: LetterFilter, shown: Shown = "open", by: By = "failure", skip: int = 0
) -> Grouped:
    """Lines of what matches, the largest first, after the first `skip` of them.

    Three statements and three per state at most, along indexes: one entry is read for each letter
    that matches, to count it, and rows for samples alone.
    """
    at = now()
    parts, capped = _parts(chosen, shown, by)
    largest = sorted(parts, key=lambda key: (-sum(part.count for part in parts[key]), key))
    listed = largest[skip : skip + LINES_SHOWN]
    ends = _ends(chosen, by, [part.first_id for key in listed for part in parts[key]])
    newest = {key: _newest(parts[key], ends) for key in listed}
    letters = {letter.id: letter for letter in _letters(end.pk for end in newest.values() if end)}
    states = {part.state for found in parts.values() for part in found}
    series = trends(chosen, states, KEYS[by], at)
    said = said_of([key for key in listed if by == "failure"], at)
    rows = (
        _alike(key, parts[key], ends, letters[end.pk], series(key), said.get(key))
        for key in listed
        if (end := newest[key]) and end.pk in letters
    )
    return Grouped(
        rows=tuple(rows),
        next=skip + LINES_SHOWN if len(largest) > skip + LINES_SHOWN else None,
        total=sum(part.count for found in parts.values() for part in found),
        lines=len(parts),
        groups=tuple(sorted({key[0] for key in parts})) if KEYS[by][0] == "group_name" else (),
        capped=capped,
    )


def groups_of(chosen: LetterFilter, shown: Shown) -> tuple[str, ...]:
    """The first and the last group, by name, of which dead letters match. Two statements per state
    down an index, one entry of it each where all match."""
    if chosen.group:
        return (chosen.group,)
    found: set[str] = set()
    for state in STATES[shown]:
        names = chosen.rows().filter(state=state).values_list("group_name", flat=True)
        found.update(names.order_by("group_name")[:1])
        found.update(names.order_by("-group_name")[:1])
    return tuple(sorted(found))


def _letters(ids: Iterable[int]) -> tuple[Letter, ...]:
    return read(DeadLetter.objects.filter(pk__in=list(ids)))


@dataclass(frozen=True, slots=True)
class _Part:
    """The letters of a line that are in one state."""

    state: str
    count: int
    first_id: int


@dataclass(frozen=True, slots=True)
class _End:
    """What is known of a part besides its count."""

    first_failed_at: datetime
    first_type: str
    last_failed_at: datetime
    pk: int
    """The letter that failed last."""
    replayed_at: datetime | None


def _parts(chosen: LetterFilter, shown: Shown, by: By) -> tuple[Mapping[Key, list[_Part]], bool]:
    """All lines; the database reads an index in order and sorts nothing."""
    found: dict[Key, list[_Part]] = defaultdict(list)
    capped = False
    for state in STATES[shown]:
        rows = chosen.rows().filter(state=state).order_by(*KEYS[by]).values_list(*KEYS[by])
        counted = list(rows.annotate(count=Count("*"), first=Min("pk"))[: MOST_LINES + 1])
        capped = capped or len(counted) > MOST_LINES
        for *key, count, first_id in counted[:MOST_LINES]:
            found[tuple(key)].append(_Part(state, count, first_id))
    return found, capped


def _ends(chosen: LetterFilter, by: By, first_ids: Sequence[int]) -> Mapping[int, _End]:
    """By the first letter of each part: a few steps down an index for each. One statement."""
    same = {name: OuterRef(name) for name in ("state", *KEYS[by])}
    newest = chosen.rows().filter(**same).order_by("-last_failed_at")
    replayed = DeadLetter.objects.filter(
        group_name=OuterRef("group_name"),
        fingerprint=OuterRef("fingerprint"),
        redelivered_at__isnull=False,
    ).order_by("-redelivered_at")
    found = DeadLetter.objects.filter(pk__in=first_ids).annotate(
        last_at=Subquery(newest.values("last_failed_at")[:1]),
        last_id=Subquery(newest.values("pk")[:1]),
        replayed_at=Subquery(replayed.values("redelivered_at")[:1]),
    )
    told = ("first_failed_at", "event_type", "last_at", "last_id", "replayed_at")
    return {pk: _End(*end) for pk, *end in found.values_list("pk", *told) if end[3] is not None}


def _of(parts: Sequence[_Part], ends: Mapping[int, _End]) -> list[_End]:
    return [ends[part.first_id] for part in parts if part.first_id in ends]


def _newest(parts: Sequence[_Part], ends: Mapping[int, _End]) -> _End | None:
    return max(_of(parts, ends), key=lambda end: (end.last_failed_at, end.pk), default=None)


def _alike(
    key: Key,
    parts: Sequence[_Part],
    ends: Mapping[int, _End],
    sample: Letter,
    trend: Series,
    said: Said | None,
) -> Alike:
    told = _of(parts, ends)
    return Alike(
        key=key,
        count=sum(part.count for part in parts),
        replaying=sum(part.count for part in parts if part.state == DeadLetter.State.REPLAYING),
        several_types=len({sample.event_type, *(end.first_type for end in told)}) > 1,
        first_failed_at=min(end.first_failed_at for end in told),
        last_failed_at=sample.last_failed_at,
        last_replayed_at=max((end.replayed_at for end in told if end.replayed_at), default=None),
        sample=sample,
        trend=trend,
        said=said,
    )
