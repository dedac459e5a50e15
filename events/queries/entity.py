"""One entity: everything that happened to it, and its state rebuilt from that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.models import StoredEvent
from events.privacy import masked_text
from events.queries import events
from events.queries.events import EventFilter, EventPage
from events.registry import registry
from events.sourcing import FoldFailed, Rebuilt, rebuild

MOST_FOLDED = 1_000
"""Events that a page folds: more would take it longer than its budget."""


@dataclass(frozen=True, slots=True)
class EntityView:
    """One id in one domain, as of `at` where that is given."""

    domain: str
    entity_id: str
    labels: tuple[str, ...]
    """What it is, by the types on this page of its history: ``position``, ``user``."""
    at: datetime | None
    page: EventPage
    rebuilt: Rebuilt
    elsewhere: tuple[str, ...]
    """Other domains that have events about the same id; it may be something else there."""

    @property
    def command(self) -> str:
        """The line that tells the same in a terminal."""
        at = f" --at {self.at.isoformat()}" if self.at else ""
        return f"manage.py entity {self.domain} {self.entity_id}{at}"


def load(
    domain: str,
    entity_id: str,
    at: datetime | None = None,
    older_than: int | None = None,
    newer_than: int | None = None,
    most: int = MOST_FOLDED,
) -> EntityView | None:
    """An entity and a page of its history, newest first; None when nothing is stored about it.

    A domain may be written as type names have it, ``Trading``. The history is whole whatever `at`
    is. Three statements and one for each other domain, all on the index of entities; at most `most`
    events are folded.
    """
    domain = domain.lower()
    chosen = EventFilter(domain=domain, entity_id=entity_id)
    page = events.page(chosen, older_than=older_than, newer_than=newer_than)
    if not page.rows and not _is_known(domain, entity_id):
        return None
    named = (record.entity.rpartition(f":{entity_id}")[0] for record in page.rows)
    others = (other for other in domains() if other != domain)
    return EntityView(
        domain=domain,
        entity_id=entity_id,
        labels=tuple(sorted({label for label in named if label})),
        at=at,
        page=page,
        rebuilt=_rebuilt(domain, entity_id, at, most),
        elsewhere=tuple(other for other in others if _is_known(other, entity_id)),
    )


def domains() -> tuple[str, ...]:
    """Every domain that has a registered type, by name."""
    return tuple(sorted({entry.domain for entry in registry.all()}))


def _rebuilt(domain: str, entity_id: str, at: datetime | None, most: int) -> Rebuilt:
    """The state, or why there is none: the history is worth showing either way."""
    try:
        return rebuild(domain, entity_id, at, most=most)
    except FoldFailed as error:
        return Rebuilt(
            domain, entity_id, states={}, folded=0, failed=masked_text(str(error), error.event)
        )


def _is_known(domain: str, entity_id: str) -> bool:
    return StoredEvent.objects.filter(domain=domain, entity_id=entity_id).exists()
