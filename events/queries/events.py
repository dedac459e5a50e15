"""Stored events, newest first, filtered and paged without counting or skipping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from events.envelope import domain_of
from events.models import StoredEvent
from events.queries.recorded import Recorded
from events.queries.type_names import meant
from events.registry import registry

PAGE_SIZE = 50
"""Events on one page."""

SEQ_SLACK = 1_000
"""Rows are stored in nearly the order of `stored_at`: transactions overlap by this many at most."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What to list; empty means any. The type may be an alias or short; times are of storing."""

    event_type: str = ""
    domain: str = ""
    entity_id: str = ""
    entity_label: str = ""
    """What the entity is: of ``user:123`` the user. Only with `entity_id`."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """Everything is listed."""
        return self == EventFilter()

    @property
    def type_name(self) -> str:
        """The canonical name of the type asked for; as it was given when nobody registered it."""
        entry = meant(self.event_type)
        return entry.name if entry else self.event_type


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page. `older_than` and `newer_than` are what the next and previous page ask for."""

    rows: tuple[Recorded, ...]
    older_than: int | None = None
    newer_than: int | None = None


def split_entity(text: str) -> tuple[str, str]:
    """Label and id of ``user:123``; no label when what stands before the colon is not one."""
    label, _, entity_id = text.partition(":")
    known = any(entry.entity_label == label for entry in registry.all())
    return (label, entity_id) if known and entity_id else ("", text)


def page(
    chosen: EventFilter,
    older_than: int | None = None,
    newer_than: int | None = None,
    size: int = PAGE_SIZE,
) -> EventPage:
    """A page of the events before `older_than` (or after `newer_than`), both of them `seq`.

    Each statement reads an index in order and stops after `size` rows: one statement, or one per
    type of a domain, or one per domain for an entity, and two to place a time window.
    """
    upwards = newer_than is not None
    rows = list(_rows(chosen, older_than, newer_than, size + 1))
    more, rows = len(rows) > size, rows[:size]
    if upwards:
        rows.reverse()
    if not rows:
        return EventPage(())
    return EventPage(
        rows=tuple(Recorded.of(row) for row in rows),
        older_than=rows[-1].seq if more or upwards else None,
        newer_than=rows[0].seq if (more if upwards else older_than is not None) else None,
    )


def newest(event_type: str, count: int) -> tuple[Recorded, ...]:
    """The newest events of a type. One statement on the index of types."""
    rows = StoredEvent.objects.filter(event_type=event_type).order_by("-seq")[:count]
    return tuple(Recorded.of(row) for row in rows)


def any_stored() -> bool:
    """Whether the store holds anything at all. One statement."""
    return StoredEvent.objects.exists()


def _rows(
    chosen: EventFilter, older_than: int | None, newer_than: int | None, limit: int
) -> Iterator[StoredEvent]:
    upwards = newer_than is not None
    rows = _within(chosen, StoredEvent.objects.all())
    if older_than is not None:
        rows = rows.filter(seq__lt=older_than)
    if newer_than is not None:
        rows = rows.filter(seq__gt=newer_than)
    ordered = rows.order_by("seq" if upwards else "-seq")
    pages = [list(ordered.filter(**part)[:limit]) for part in _parts(chosen)]
    return islice(merge(*pages, key=lambda row: row.seq, reverse=not upwards), limit)


def _parts(chosen: EventFilter) -> list[dict[str, Any]]:
    """The filter as conditions that each follow an index in order of `seq`."""
    name = chosen.type_name
    if chosen.entity_id:
        return _entity_parts(chosen, name)
    if name:
        return [{"event_type": name}]
    if chosen.domain:
        return [{"event_type": entry} for entry in _types_of(chosen.domain)]
    return [{}]


def _entity_parts(chosen: EventFilter, name: str) -> list[dict[str, Any]]:
    domains = [domain_of(name)] if name else [chosen.domain] if chosen.domain else _domains()
    narrow: dict[str, Any] = {"entity_id": chosen.entity_id}
    if name:
        narrow["event_type"] = name
    elif chosen.entity_label:
        narrow["event_type__in"] = names_about(chosen.entity_label)
    return [{"domain": domain, **narrow} for domain in domains]


def names_about(entity_label: str) -> list[str]:
    """The types whose entity is such a thing."""
    entries = registry.all()
    return sorted({entry.name for entry in entries if entry.entity_label == entity_label})


def _within(chosen: EventFilter, rows: QuerySet[StoredEvent]) -> QuerySet[StoredEvent]:
    """Bound by time, and by the `seq` near it, so that newer rows are not walked through."""
    by_time = StoredEvent.objects.order_by("stored_at").values_list("seq", flat=True)
    if chosen.since is not None:
        first = by_time.filter(stored_at__gte=chosen.since).first()
        rows = rows.filter(stored_at__gte=chosen.since)
        rows = rows.filter(seq__gte=first - SEQ_SLACK) if first is not None else rows.none()
    if chosen.until is not None:
        last = by_time.filter(stored_at__lt=chosen.until).last()
        rows = rows.filter(stored_at__lt=chosen.until)
        rows = rows.filter(seq__lte=last + SEQ_SLACK) if last is not None else rows.none()
    return rows


def _types_of(domain: str) -> list[str]:
    return sorted({entry.name for entry in registry.all() if entry.domain == domain})


def _domains() -> list[str]:
    return sorted({entry.domain for entry in registry.all()})
