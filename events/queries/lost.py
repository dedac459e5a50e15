"""What the store knows of entries that are held and stand in their stream no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from events.models import DeadLetter, HandledEvent, StoredEvent
from events.registry import registry
from events.transport.mending import Held

RELAYED_WITHIN = timedelta(days=1)
"""An event is looked for among those stored so long before its entry was appended: a bus that was
away for longer has an operator's attention."""

CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """The event that stood at a place, as the store has it."""

    event_id: UUID
    entity_id: str
    body: str
    settled: bool
    """The group has handled it, or set it aside: nothing is lost."""


def stored_at(group: str, places: Sequence[Held]) -> dict[Held, Stored]:
    """The events that stood at these places, those the store knows; of a retry stream none.

    One statement for each stream, on the index of times, and two for all.
    """
    by_stream: dict[str, list[Held]] = defaultdict(list)
    for place in places:
        if not place.retry:
            by_stream[place.stream].append(place)
    rows = {
        place: row
        for stream, members in by_stream.items()
        for place, row in _of_stream(stream, members).items()
    }
    ids = [row.event_id for row in rows.values()]
    settled = {*_handled(group, ids), *_buried(group, ids)} if ids else set()
    return {
        place: Stored(row.event_id, row.entity_id, row.body, row.event_id in settled)
        for place, row in rows.items()
    }


def _of_stream(stream: str, places: Sequence[Held]) -> dict[Held, StoredEvent]:
    kind = registry.by_stream(stream)
    if kind is None:
        return {}
    by_entry = {place.entry_id: place for place in places}
    times = [_appended_at(entry_id) for entry_id in by_entry]
    found = StoredEvent.objects.filter(
        Q(stored_at__gte=min(times) - RELAYED_WITHIN, stored_at__lte=max(times) + CLOCKS_APART),
        event_type=kind.name,
        event_version=kind.version,
        entry_id__in=list(by_entry),
    )
    return {by_entry[row.entry_id]: row for row in found}


def _appended_at(entry_id: str) -> datetime:
    return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1_000, UTC)


def _handled(group: str, ids: Sequence[UUID]) -> set[UUID]:
    marks = HandledEvent.objects.filter(group__name=group, event_id__in=ids)
    return set(marks.values_list("event_id", flat=True))


def _buried(group: str, ids: Sequence[UUID]) -> set[UUID | None]:
    letters = DeadLetter.objects.filter(group_name=group, event_id__in=ids)
    return set(letters.values_list("event_id", flat=True))
