"""Failures: by fingerprint and group, and the single dead letters of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet

from events.envelope import Event, domain_of, now
from events.errors import InvalidEvent
from events.groups import groups
from events.models import DeadLetter
from events.privacy import masked_text

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
    types: int
    """How many event types are among them."""
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
    """Failures by fingerprint and group. Two statements: one over the dead letters in these states,
    one for a sample of each line."""
    found = list(
        _chosen(shown, group)
        .order_by()
        .values("fingerprint", "group_name")
        .annotate(
            count=Count("id"),
            first_id=Min("id"),
            last_id=Max("id"),
            last_failed_at=Max("last_failed_at"),
            types=Count("event_type", distinct=True),
        )
        .order_by("-count", "-last_failed_at")[: FAILURES_SHOWN + 1]
    )
    listed = found[:FAILURES_SHOWN]
    ends = [row[end] for row in listed for end in ("first_id", "last_id")]
    samples = {letter.id: letter for letter in read(DeadLetter.objects.filter(pk__in=ends))}
    moving = _replaying(shown, group)
    return Failures(
        rows=tuple(_failure(row, samples, moving) for row in listed),
        more=len(found) > FAILURES_SHOWN,
    )


def letters(
    shown: Shown = "open",
    group: str = "",
    fingerprint: str = "",
    older_than: int | None = None,
    size: int = LETTERS_SHOWN,
) -> LetterPage:
    """Dead letters, newest first. One statement."""
    rows = _chosen(shown, group)
    if fingerprint:
        rows = rows.filter(fingerprint=fingerprint)
    if older_than is not None:
        rows = rows.filter(pk__lt=older_than)
    found = read(rows.order_by("-pk")[: size + 1])
    return LetterPage(found[:size], found[size - 1].id if len(found) > size else None)


def totals() -> Totals:
    """What the sentence above the list says. Three statements on indexes."""
    by_group = (
        DeadLetter.objects.filter(state__in=DeadLetter.OPEN)
        .order_by()
        .values_list("group_name")
        .annotate(count=Count("id"))
    )
    counts = dict(by_group)
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


def _chosen(shown: Shown, group: str) -> QuerySet[DeadLetter]:
    rows = DeadLetter.objects.all()
    if shown != "all":
        rows = rows.filter(state__in=STATES[shown])
    return rows.filter(group_name=group) if group else rows


def _replaying(shown: Shown, group: str) -> Mapping[tuple[str, str], int]:
    """How many of each failure are on their way; few, because replays are quick."""
    if shown not in ("open", "all"):
        return {}
    rows = _chosen(shown, group).filter(state=DeadLetter.State.REPLAYING).order_by()
    counted: Iterable[tuple[str, str, int]] = rows.values_list(
        "fingerprint", "group_name"
    ).annotate(count=Count("id"))
    return {(fingerprint, name): count for fingerprint, name, count in counted}


def _failure(
    row: Mapping[str, Any], samples: Mapping[int, Letter], moving: Mapping[tuple[str, str], int]
) -> Failure:
    key = (row["fingerprint"], row["group_name"])
    return Failure(
        fingerprint=row["fingerprint"],
        group=row["group_name"],
        count=row["count"],
        replaying=moving.get(key, 0),
        types=row["types"],
        first_failed_at=samples[row["first_id"]].first_failed_at,
        last_failed_at=row["last_failed_at"],
        sample=samples[row["last_id"]],
    )
