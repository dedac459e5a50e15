"""An event as one line: what the tail and lists of events show of it. Payloads come masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.envelope import Event
from events.errors import UnknownType
from events.privacy import masked
from events.registry import registry
from events.transport.base import TailEntry


@dataclass(frozen=True)
class Line:
    """One event as the tail shows it; `problem` says why there is little to show."""

    event_id: str
    stream: str
    at: datetime
    """When it was appended to its stream; of a stored event, when it was accepted."""
    domain: str
    event_type: str
    version: int
    entity_label: str = ""
    entity_id: str = ""
    correlation_id: str = ""
    producer: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Masked."""
    problem: str = ""

    @property
    def rest(self) -> Mapping[str, Any]:
        """The payload without the entity, which is shown beside it."""
        entity = (self.entity_label, f"{self.entity_label}_id")
        return {
            name: value
            for name, value in self.payload.items()
            if name not in entity or str(value) != self.entity_id
        }

    @property
    def at_ms(self) -> int:
        """`at` in milliseconds since 1970: a place in the whole of the bus."""
        return round(self.at.timestamp() * 1000)


def line_of(event: Event, stream: str, at: datetime) -> Line:
    """The line of an event that was appended to `stream`, or accepted, at `at`."""
    try:
        label = registry.resolve(event.event_type, event.event_version).entity_label
    except UnknownType:
        label = ""
    return Line(
        event_id=str(event.event_id),
        stream=stream,
        at=at,
        domain=event.domain,
        event_type=event.event_type,
        version=event.event_version,
        entity_label=label,
        entity_id=event.entity_id,
        correlation_id=str(event.correlation_id),
        producer=event.producer,
        payload=masked(event),
    )


def unreadable(entry: TailEntry, at: datetime) -> Line:
    """The line of an entry whose bytes are no event: it says so, and where it lies."""
    kind = registry.by_stream(entry.stream)
    return Line(
        event_id=entry.event_id or f"{entry.stream}-{entry.entry_id}",
        stream=entry.stream,
        at=at,
        domain=kind.domain if kind else "",
        event_type=kind.name if kind else entry.stream,
        version=kind.version if kind else 0,
        problem=f"not an event of ours: {len(entry.body)} bytes that cannot be read",
    )
