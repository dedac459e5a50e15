"""Single dead letters, newest first, and how many there are. Alike ones: `letter_groups`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Literal
from uuid import UUID

from django.db.models import Q, QuerySet

from events.envelope import Event, domain_of, now, readable
from events.groups import groups
from events.models import DeadLetter
from events.privacy import masked_text
from events.queries.letter_filter import EVERYTHING, LetterFilter

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

Position = tuple[datetime, int]
"""When a letter failed last, and its number: its place in the list."""

REPLAYABLE = DeadLetter.REPLAYABLE


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
class Totals:
    """How many of the last RECENT are closed, whatever is listed."""

    resolved: int
    discarded: int


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some dead letters, newest first; `older_than` is what the next page asks for."""

    rows: tuple[Letter, ...]
    older_than: int | None = None


def letters(
    shown: Shown = "open",
    chosen: LetterFilter = EVERYTHING,
    older_than: int | None = None,
    size: int = LETTERS_SHOWN,
) -> LetterPage:
    """Dead letters that match, those that failed last first; after the letter `older_than`.

    A statement per state, which reads an index that has all it asks for and stops after `size`, and
    one for the rows.
    """
    found = positions(shown, chosen, _position(older_than), size + 1)
    ids = [pk for _, pk in found]
    rows = {letter.id: letter for letter in read(DeadLetter.objects.filter(pk__in=ids[:size]))}
    return LetterPage(
        tuple(rows[pk] for pk in ids[:size] if pk in rows),
        ids[size - 1] if len(ids) > size else None,
    )


def positions(
    shown: Shown, chosen: LetterFilter, before: Position | None, size: int
) -> list[Position]:
    """Where the next letters that match stand in the list. A statement per state."""
    rows = chosen.rows()
    if before:
        at, pk = before
        earlier = Q(last_failed_at__lt=at) | Q(last_failed_at=at, pk__lt=pk)
        rows = rows.filter(earlier, last_failed_at__lte=at)
    ordered = rows.order_by("-last_failed_at", "-pk").values_list("last_failed_at", "pk")
    newest = [ordered.filter(state=state)[:size] for state in STATES[shown]]
    return list(islice(merge(*newest, reverse=True), size))


def count(shown: Shown, chosen: LetterFilter) -> int:
    """How many match. One statement along an index."""
    return chosen.rows().filter(state__in=STATES[shown]).count()


def _position(pk: int | None) -> Position | None:
    """Where a letter stands in the list; None when there is no such letter."""
    if pk is None:
        return None
    return DeadLetter.objects.filter(pk=pk).values_list("last_failed_at", "pk").first()


def totals() -> Totals:
    """What the sentence above the list says of those that are closed. Two statements on an index,
    which stop at CLOSED_COUNT_CAP."""
    since = now() - RECENT
    closed = DeadLetter.objects.filter(last_failed_at__gte=since)
    return Totals(
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
    return readable(bytes(row.body))
