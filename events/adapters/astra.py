"""The project's own envelope, and AstraTrade's three older shapes of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from events.adapters.base import (
    ENVELOPE,
    Headers,
    event_of,
    instant,
    missing,
    object_of,
    of_its_version,
    unnamed,
)
from events.envelope import Event
from events.quoting import MOST_QUOTED, told
from events.registry import registry

KEPT = ("event_id", "correlation_id", "causation_id", "producer", "entity_id", "metadata")
"""Envelope fields that the enhanced shape carries as they are."""


OWN = frozenset({"occurred_at", "producer", "entity_id", "metadata"})
"""Fields of the envelope that no other format has under these names."""

CLASS = re.compile("[A-Za-z]+Event")
"""Name of a class of AstraTrade's first events."""


class Envelope:
    """The envelope of this project; loses nothing."""

    name = "astra"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if why := missing(raw, ("event_type", "data")):
            return why
        foreign = sorted(str(name) for name in raw if name not in ENVELOPE)
        if foreign:
            return f"has {told(foreign[0], MOST_QUOTED)}, which is no field of the envelope"
        name = raw["event_type"]
        if not isinstance(name, str) or "." in name or not OWN.isdisjoint(raw):
            return ""
        return "its event_type has no domain"

    def read(self, raw: Any, headers: Headers) -> Event:
        return of_its_version(raw)

    def write(self, event: Event) -> Any:
        return event.to_dict()


class GamificationEventAdapter:
    """AstraTrade's first gamification events: ``DomainEvent`` as a flat object.

    ``{"event_type": "XPGainedEvent", "event_id": ..., "occurred_at": ..., "event_version": 1}`` and
    the payload's own fields beside them; the type is the name of its class. Carries neither
    correlation, cause, producer nor metadata: what is read begins a chain of its own.
    """

    name = "astratrade-legacy"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if why := missing(raw, ("event_type",)):
            return why
        if "data" in raw:
            return "has data, where this shape has the payload's own fields"
        name = raw["event_type"]
        if not isinstance(name, str) or not CLASS.fullmatch(name):
            return "its event_type is not the name of a class such as XPGainedEvent"
        return ""

    def read(self, raw: Any, headers: Headers) -> Event:
        name = f"Gamification.{raw['event_type'].removesuffix('Event')}"
        own = ("event_type", "event_id", "occurred_at", "event_version")
        return event_of(
            name,
            {key: value for key, value in raw.items() if key not in own},
            event_id=raw.get("event_id"),
            occurred_at=instant(raw.get("occurred_at")),
            event_version=raw.get("event_version"),
        )

    def write(self, event: Event) -> Any:
        domain, _, name = event.event_type.partition(".")
        if domain != "Gamification" or not CLASS.fullmatch(f"{name}Event"):
            raise unnamed(self.name, event)
        return {
            "event_type": f"{name}Event",
            "event_id": str(event.event_id),
            "occurred_at": event.occurred_at.isoformat(),
            "event_version": event.event_version,
            **event.data,
        }


class SimpleEventAdapter:
    """What ``_emit_event(type, data)`` was called with: two values, or an object of the two.

    The type is any spelling the registry knows; the data may be JSON text. Carries nothing else:
    read twice it is two events.
    """

    name = "emit-event"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if isinstance(raw, list | tuple):
            fits = len(raw) == 2 and isinstance(raw[0], str) and _may_be_object(raw[1])
            return "" if fits else "is a list, but not of a type and a payload"
        if why := missing(raw, ("type", "data")):
            return why
        more = sorted(str(name) for name in raw if name not in ("type", "data"))
        return f"has {told(more[0], MOST_QUOTED)} beside type and data" if more else ""

    def read(self, raw: Any, headers: Headers) -> Event:
        if isinstance(raw, Mapping):
            return event_of(raw["type"], object_of(raw["data"], "data"))
        return event_of(raw[0], object_of(raw[1], "data"))

    def write(self, event: Event) -> Any:
        return {"type": event.label, "data": dict(event.data)}


def _may_be_object(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{"))


class EnhancedEventAdapter:
    """AstraTrade's enhanced events of one domain: envelope and payload in one flat object.

    ``{"event_type": "TradeExecuted", "domain": "trading", "correlation_id": ..., "producer": ...}``
    and the payload's own fields beside them. Carries everything; metadata where there are any.
    """

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.name = f"{domain}-enhanced"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if why := missing(raw, ("event_type", "domain", "correlation_id")):
            return why
        if "data" in raw:
            return "has data, where this shape has the payload's own fields"
        if str(raw["domain"]).lower() != self.domain:
            return f"its domain is not {self.domain}"
        return ""

    def read(self, raw: Any, headers: Headers) -> Event:
        return event_of(
            self._full_name(raw["event_type"]),
            {key: value for key, value in raw.items() if key not in ENVELOPE},
            occurred_at=instant(raw.get("occurred_at")),
            event_version=raw.get("event_version"),
            **{name: raw.get(name) for name in KEPT},
        )

    def write(self, event: Event) -> Any:
        if event.domain != self.domain:
            raise unnamed(self.name, event)
        envelope = event.to_dict()
        del envelope["data"]
        if not event.metadata:
            del envelope["metadata"]
        envelope["event_type"] = event.event_type.partition(".")[2]
        return {**envelope, **event.data}

    def _full_name(self, name: Any) -> Any:
        """``TradeExecuted`` -> ``Trading.TradeExecuted``; a full name stays as it is."""
        if not isinstance(name, str):
            return name
        for entry in registry.all():
            if entry.domain == self.domain and name in (entry.name, entry.name.partition(".")[2]):
                return entry.name
        return name if "." in name else f"{self.domain.capitalize()}.{name}"
