"""What handling again would be: events a group has handled, to be given to it once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When

from events.envelope import now
from events.groups import Group, find
from events.models import ConsumerGroup, HandledEvent, StoredEvent

MOST_AGAIN = 100_000
"""Most events of one operation: more are handled again in several."""


@dataclass(frozen=True, slots=True)
class Again:
    """A range of stored events."""

    since: datetime
    until: datetime
    """Exclusive; both are when the events were accepted."""
    as_of: datetime
    """What was handled later is not in it."""


@dataclass(frozen=True, slots=True)
class AgainPreview:
    """What handling a range again would do."""

    group: str
    asked: Again
    types: tuple[tuple[str, int], ...]
    """How many of each type, most first."""
    handlers: tuple[str, ...]
    external: bool
    """Some handler calls the outside world, and will do so again."""
    refused: str

    @property
    def count(self) -> int:
        """Events in the set."""
        return sum(count for _, count in self.types)


def preview(name: str, since: datetime, until: datetime) -> AgainPreview | None:
    """What it would be as of now; None for no such group. Two statements, over the whole range."""
    group = find(name)
    if group is None:
        return None
    asked = Again(since, until, now())
    refused = why_not(group)
    rows = handled(group, asked).order_by().values_list("event_type") if not refused else None
    counts = list(rows.annotate(count=Count("pk")).order_by("-count")) if rows is not None else []
    total = sum(count for _, count in counts)
    if total > MOST_AGAIN:
        refused = f"{total:,} events are more than {MOST_AGAIN:,}: choose a shorter time."
    return AgainPreview(
        group=name,
        asked=asked,
        types=tuple(counts),
        handlers=tuple(handler.name for handler in group.handlers),
        external=group.external,
        refused=refused,
    )


def why_not_named(name: str) -> str:
    """The same as `why_not`, of a group by its name."""
    group = find(name)
    return why_not(group) if group else f"No installed app declares the group {name}."


def why_not(group: Group) -> str:
    """Why a group may not be made to handle anything again, as a sentence; empty when it may."""
    if group.idempotent:
        return (
            f"{group.name} keeps no inbox, so that nobody knows what it has handled: pause it and"
            " move it back instead, its effects are sets."
        )
    once = [handler.name for handler in group.handlers if not handler.repeatable]
    if once:
        return (
            f"{', '.join(once)} {'is' if len(once) == 1 else 'are'} not declared repeatable:"
            f" {group.name} may not handle an event twice."
        )
    return ""


def handled(group: Group, asked: Again) -> QuerySet[StoredEvent]:
    """The stored events of the range that the group has handled, with the `stream` of each."""
    number = ConsumerGroup.objects.filter(name=group.name).values_list("pk", flat=True).first()
    mark = HandledEvent.objects.filter(
        group=number, event_id=OuterRef("event_id"), handled_at__lte=asked.as_of
    )
    kinds = {Q(event_type=kind.name, event_version=kind.version): kind for kind in group.types}
    named = Case(*(When(which, then=Value(kind.stream)) for which, kind in kinds.items()))
    return (
        StoredEvent.objects.filter(
            Exists(mark),
            event_type__in=group.reads,
            stored_at__gte=asked.since,
            stored_at__lt=asked.until,
        )
        .annotate(stream=named)
        .exclude(stream=None)
    )
