"""Failures: by fingerprint and group, and the single dead letters of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Literal
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from events.envelope import Event, domain_of, now
from events.errors import InvalidEvent
from events.groups import groups
from events.models import DeadLetter
from events.privacy import masked_text
from events.queries.snapshot import dead_letters_by_group

FAILURES_SHOWN = 50
"""Failures on the page; more than that is one trouble with many faces."""

LETTERS_SHOWN = 50
"""Dead letters of one failure on a page."""

RECENT = timedelta(days=7)
"""How far the sentence about closed ones looks back."""

CLOSED_COUNT_CAP = 10_000
"""Closed ones are counted up to here."""

Shown = Literal["open", "resolved", "discarded", "all"]

STATES: Mapping[Shown, tuple[str, ...]] = {
    "open": tuple(DeadLetter.OPEN),
    "resolved": (DeadLetter.State.RESOLVED,),
    "discarded": (DeadLetter.State.DISCARDED,),
    "all": tuple(DeadLetter.State.values),
}

REPLAYABLE = (DeadLetter.State.NEW, DeadLetter.State.INVESTIGATING)
"""Open, and not on its way already."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter without its bytes; sensitive values in its message are masked."""

    id: int
    group: str
    domain: str
    event_id: UUID | None
    event_type: str
    entity_id: str
    correlation_id: UUID | None
    kind: str
    error_class: str
    message: str
    state: str
    fingerprint: str
    attempts: int
    synthetic: bool
    first_failed_at: datetime
    last_failed_at: datetime
    resolved_at: datetime | None

    @property
    def replayable(self) -> bool:
        """A replay may take it."""
        return self.state in REPLAYABLE

    @property
    def event_domain(self) -> str:
        """The domain of its event; empty when its type is not known."""
        return domain_of(self.event_type)


@dataclass(frozen=True, slots=True)
class Failure:
    """Dead letters of one group with one fingerprint."""

    fingerprint: str
    group: str
    count: int
    replaying: int
    several_types: bool
    """More than one event type is among them."""
    first_failed_at: datetime
    last_failed_at: datetime
    sample: Letter
    """The newest of them."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in the states asked for, largest first."""

    rows: tuple[Failure, ...]
    more: bool
    """There are more failures than are listed."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many there are, whatever is listed; the closed ones of the last RECENT."""

    open: int
    open_groups: int
    resolved: int
    discarded: int


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some dead letters, newest first; `older_than` is what the next page asks for."""

    rows: tuple[Letter, ...]
    older_than: int | None = None


def failures(shown: Shown = "open", group: str = "") -> Failures:
    """Failures by fingerprint and group. A statement per state, which reads one index and no row,
    and one for a sample of each line."""
    found: dict[tuple[str, str], _Counted] = {}
    for state in STATES[shown]:
        for counted in _counted(state, group):
            key = (counted.fingerprint, counted.group)
            found[key] = found[key].with_more(counted) if key in found else counted
    largest = sorted(found.values(), key=lambda c: (c.count, c.last_failed_at), reverse=True)
    listed = largest[:FAILURES_SHOWN]
    ends = {pk for counted in listed for pk in (counted.first_id, counted.last_id)}
    samples = {letter.id: letter for letter in read(DeadLetter.objects.filter(pk__in=ends))}
    return Failures(
        rows=tuple(_failure(counted, samples) for counted in listed if counted.last_id in samples),
        more=len(largest) > FAILURES_SHOWN,
    )


def letters(
    shown: Shown = "open",
    group: str = "",
    fingerprint: str = "",
    older_than: int | None = None,
    size: int = LETTERS_SHOWN,
) -> LetterPage:
    """Dead letters, those that failed last first; after the letter `older_than`.

    A statement per state, which reads an index and stops after `size`, and one for the rows.
    """
    rows = _after(older_than)
    if group:
        rows = rows.filter(group_name=group)
    if fingerprint:
        rows = rows.filter(fingerprint=fingerprint)
    ordered = rows.order_by("-last_failed_at", "-pk").values_list("last_failed_at", "pk")
    newest = [ordered.filter(state=state)[: size + 1] for state in STATES[shown]]
    ids = [pk for _, pk in islice(merge(*newest, reverse=True), size + 1)]
    found = {letter.id: letter for letter in read(DeadLetter.objects.filter(pk__in=ids[:size]))}
    return LetterPage(
        tuple(found[pk] for pk in ids[:size] if pk in found),
        ids[size - 1] if len(ids) > size else None,
    )


def _after(pk: int | None) -> QuerySet[DeadLetter]:
    """What follows a letter in the order of the list; everything when there is no such letter."""
    rows = DeadLetter.objects.all()
    at = rows.filter(pk=pk).values_list("last_failed_at", flat=True).first() if pk else None
    if at is None:
        return rows
    return rows.filter(Q(last_failed_at__lt=at) | Q(last_failed_at=at, pk__lt=pk))


def totals() -> Totals:
    """What the sentence above the list says. Five statements on indexes."""
    counts = dead_letters_by_group()
    since = now() - RECENT
    closed = DeadLetter.objects.filter(last_failed_at__gte=since)
    return Totals(
        open=sum(counts.values()),
        open_groups=len(counts),
        resolved=closed.filter(state=DeadLetter.State.RESOLVED)[:CLOSED_COUNT_CAP].count(),
        discarded=closed.filter(state=DeadLetter.State.DISCARDED)[:CLOSED_COUNT_CAP].count(),
    )


def read(rows: QuerySet[DeadLetter]) -> tuple[Letter, ...]:
    """Rows as letters; their bodies are read, to mask what is sensitive, their tracebacks not."""
    domains = {group.name: group.domain for group in groups()}
    return tuple(letter_of(row, domains) for row in rows.defer("traceback"))


def letter_of(row: DeadLetter, domains: Mapping[str, str]) -> Letter:
    """What a row says, masked."""
    event = event_of(row)
    return Letter(
        id=row.pk,
        group=row.group_name,
        domain=domains.get(row.group_name, ""),
        event_id=row.event_id,
        event_type=row.event_type,
        entity_id=event.entity_id if event else "",
        correlation_id=row.correlation_id,
        kind=row.kind,
        error_class=row.error_class,
        message=masked_text(row.message, event),
        state=row.state,
        fingerprint=row.fingerprint,
        attempts=len(row.attempts),
        synthetic=row.synthetic,
        first_failed_at=row.first_failed_at,
        last_failed_at=row.last_failed_at,
        resolved_at=row.resolved_at,
    )


def event_of(row: DeadLetter) -> Event | None:
    """The event a dead letter holds; None when its bytes are not one."""
    try:
        return Event.from_json(bytes(row.body))
    except InvalidEvent:
        return None


@dataclass(frozen=True, slots=True)
class _Counted:
    """One group of a grouped count."""

    group: str
    fingerprint: str
    count: int
    replaying: int
    first_id: int
    last_id: int
    first_type: str
    last_type: str
    last_failed_at: datetime

    def with_more(self, other: _Counted) -> _Counted:
        """The same failure in two states."""
        return _Counted(
            group=self.group,
            fingerprint=self.fingerprint,
            count=self.count + other.count,
            replaying=self.replaying + other.replaying,
            first_id=min(self.first_id, other.first_id),
            last_id=max(self.last_id, other.last_id),
            first_type=min(self.first_type, other.first_type),
            last_type=max(self.last_type, other.last_type),
            last_failed_at=max(self.last_failed_at, other.last_failed_at),
        )


def _counted(state: str, group: str) -> Iterator[_Counted]:
    """Failures in one state: along the index (state, group, fingerprint, type, time)."""
    rows = DeadLetter.objects.filter(state=state)
    if group:
        rows = rows.filter(group_name=group)
    grouped = rows.order_by().values_list("group_name", "fingerprint")
    counts = grouped.annotate(
        count=Count("id"),
        first_id=Min("id"),
        last_id=Max("id"),
        first_type=Min("event_type"),
        last_type=Max("event_type"),
        last_at=Max("last_failed_at"),
    )
    for name, mark, count, first_id, last_id, first_type, last_type, last_at in counts:
        replaying = count if state == DeadLetter.State.REPLAYING else 0
        ends = (first_id, last_id, first_type, last_type, last_at)
        yield _Counted(name, mark, count, replaying, *ends)


def _failure(counted: _Counted, samples: Mapping[int, Letter]) -> Failure:
    sample = samples[counted.last_id]
    return Failure(
        fingerprint=counted.fingerprint,
        group=counted.group,
        count=counted.count,
        replaying=counted.replaying,
        several_types=counted.first_type != counted.last_type,
        first_failed_at=samples.get(counted.first_id, sample).first_failed_at,
        last_failed_at=counted.last_failed_at,
        sample=sample,
    )
