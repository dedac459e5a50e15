"""One event: its envelope, what every reading group did with it, its place in the chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events.envelope import now
from events.errors import UnknownType
from events.models import StoredEvent
from events.privacy import hidden
from events.queries.chain_steps import Status, outcome_status
from events.queries.outcomes import Outcome, outcomes_of
from events.queries.recorded import Recorded
from events.registry import EventType, registry

CHILDREN_SHOWN = 20
"""Events caused by this one that are listed; the chain page has them all."""


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What one group did with the event, and that in words."""

    outcome: Outcome
    status: Status


@dataclass(frozen=True, slots=True)
class EventView:
    """One event as of `at`."""

    at: datetime
    record: Recorded
    entry: EventType | None
    """Its type; None when nobody registers it any more."""
    groups: tuple[GroupOutcome, ...]
    bus_reason: str
    parent: Recorded | None
    children: tuple[Recorded, ...]
    more_children: bool
    masked: tuple[str, ...]
    """Payload fields that are not shown."""

    @property
    def settled(self) -> bool:
        """No group has anything left to do with it by itself."""
        return all(group.outcome.settled for group in self.groups)

    @property
    def command(self) -> str:
        """The line that shows its chain in a terminal."""
        return f"manage.py chain {self.record.event.correlation_id}"

    @property
    def handled(self) -> int:
        """How many groups are done with it."""
        return sum(group.outcome.state in ("handled", "ignored") for group in self.groups)

    @property
    def replay_of(self) -> UUID | None:
        """The event it says again, as its metadata tells."""
        try:
            return UUID(self.record.event.metadata["replay_of"])
        except (KeyError, ValueError, AttributeError, TypeError):
            return None

    @property
    def operation(self) -> int | None:
        """The operation that said it again."""
        found = self.record.event.metadata.get("replay_operation")
        return found if self.replay_of and isinstance(found, int) and found > 0 else None

    def as_json(self) -> dict[str, Any]:
        """The envelope with its payload masked."""
        return self.record.envelope()


def load(event_id: UUID) -> EventView | None:
    """One event, or None when the store does not have it.

    Three statements, and what `outcomes_of` costs for one event.
    """
    row = StoredEvent.objects.filter(event_id=event_id).first()
    if row is None:
        return None
    record, at = Recorded.of(row), now()
    outcomes = outcomes_of([record], at)
    children = _children(record)
    return EventView(
        at=at,
        record=record,
        entry=_entry(record),
        groups=tuple(GroupOutcome(o, outcome_status(o, at)) for o in outcomes.of(record.id)),
        bus_reason=outcomes.bus_reason,
        parent=_parent(record),
        children=children[:CHILDREN_SHOWN],
        more_children=len(children) > CHILDREN_SHOWN,
        masked=tuple(hidden(record.event)),
    )


def _entry(record: Recorded) -> EventType | None:
    try:
        return registry.resolve(record.event.event_type, record.event.event_version)
    except UnknownType:
        return None


def _parent(record: Recorded) -> Recorded | None:
    if record.event.causation_id is None:
        return None
    row = StoredEvent.objects.filter(event_id=record.event.causation_id).first()
    return Recorded.of(row) if row else None


def _children(record: Recorded) -> tuple[Recorded, ...]:
    """Found by the chain they share, which has an index; one more than is shown."""
    rows = StoredEvent.objects.filter(
        correlation_id=record.event.correlation_id, causation_id=record.id
    )
    return tuple(Recorded.of(row) for row in rows.order_by("seq")[: CHILDREN_SHOWN + 1])
