"""TradeSense's dotted events."""

from __future__ import annotations

import re
from typing import Any

from events.adapters.base import (
    Headers,
    event_of,
    instant,
    missing,
    object_of,
    unnamed,
    with_foreign,
    without_foreign,
)
from events.envelope import Event

DOTTED = re.compile(r"[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*){1,2}\.v[0-9]{1,6}")
"""``{Domain}.{Entity}.{Action}.{Version}``."""

KNOWN = frozenset(
    {
        "event_type", "event_version", "event_id", "timestamp", "correlation_id", "causation_id",
        "source", "aggregate_id", "payload", "metadata",
    }
)  # fmt: skip
"""Fields that mean something here."""

FOREIGN = "tradesense"
"""Key of the metadata under which the others are kept."""


class TradeSenseAdapter:
    """``{"event_type": "Trading.Position.Opened.v1", "timestamp": ..., "payload": {...}}``.

    Carries everything: ``event_id``, ``correlation_id``, ``causation_id``, ``source`` (the
    producer), ``aggregate_id`` (the entity) and ``metadata`` stand beside them. The version is that
    of the type's name, and an ``event_version`` that says another is refused. The payload may be
    JSON text. A field that means nothing here is kept in the metadata and written again.
    """

    name = "tradesense"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if why := missing(raw, ("event_type", "payload")):
            return why
        name = raw["event_type"]
        if not isinstance(name, str) or not DOTTED.fullmatch(name):
            return "its event_type is not dotted with a version, such as Trading.Position.Opened.v1"
        return ""

    def read(self, raw: Any, headers: Headers) -> Event:
        return event_of(
            raw["event_type"],
            object_of(raw["payload"], "payload"),
            event_id=raw.get("event_id"),
            occurred_at=instant(raw.get("timestamp")),
            correlation_id=raw.get("correlation_id"),
            causation_id=raw.get("causation_id"),
            producer=raw.get("source"),
            entity_id=raw.get("aggregate_id"),
            metadata=with_foreign(
                raw.get("metadata"),
                FOREIGN,
                {name: value for name, value in raw.items() if name not in KNOWN},
            ),
            event_version=raw.get("event_version"),
        )

    def write(self, event: Event) -> Any:
        if not DOTTED.fullmatch(event.label):
            raise unnamed(self.name, event)
        told = event.to_dict()
        foreign, metadata = without_foreign(told["metadata"], FOREIGN, KNOWN)
        return {
            **foreign,
            "event_type": event.label,
            "event_id": told["event_id"],
            "timestamp": told["occurred_at"],
            "correlation_id": told["correlation_id"],
            "causation_id": told["causation_id"],
            "source": event.producer,
            "aggregate_id": event.entity_id,
            "payload": told["data"],
            "metadata": metadata,
        }
