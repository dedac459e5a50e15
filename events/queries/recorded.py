"""A stored event as the pages see it: the event, and when it was stored and relayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events.envelope import Event
from events.errors import UnknownType
from events.models import StoredEvent
from events.privacy import masked, masked_metadata
from events.queries import words
from events.registry import registry


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of the store. Payloads leave this class masked, or not at all."""

    event: Event
    seq: int
    stored_at: datetime
    relayed_at: datetime | None

    @classmethod
    def of(cls, row: StoredEvent) -> Recorded:
        """What a row holds; decodes its body."""
        return cls(row.event, row.seq, row.stored_at, row.relayed_at)

    @property
    def id(self) -> UUID:
        """The event's id."""
        return self.event.event_id

    @property
    def data(self) -> dict[str, Any]:
        """The payload, sensitive values masked."""
        return masked(self.event)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata, without the values that nobody declared."""
        return masked_metadata(self.event)

    @property
    def says(self) -> str:
        """The payload in a few words."""
        return words.summary(self.event)

    @property
    def entity(self) -> str:
        """What it is about: ``user:123``; the id alone when nobody registers its type."""
        try:
            entry = registry.resolve(self.event.event_type, self.event.event_version)
        except UnknownType:
            return self.event.entity_id
        return f"{entry.entity_label}:{self.event.entity_id}"

    @property
    def said_by(self) -> str:
        """The producer without its version: for an event a handler said, the handler's group."""
        return self.event.producer.partition("@")[0]

    @property
    def relay_s(self) -> float | None:
        """Seconds from stored to on the bus; None while it waits in SQL."""
        if self.relayed_at is None:
            return None
        return max(0.0, (self.relayed_at - self.stored_at).total_seconds())

    def envelope(self) -> dict[str, Any]:
        """The whole envelope as JSON-ready values, payload and metadata masked."""
        return {**self.event.to_dict(), "data": self.data, "metadata": self.metadata}
