"""TradPal's events, whose types are in snake case and whose amounts are floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from events.adapters.base import ENVELOPE, Headers, event_of, instant, missing, object_of, unnamed
from events.envelope import Event
from events.registry import EventType, registry

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


KNOWN = frozenset(
    {"event_type", "data", "event_id", "correlation_id", "causation_id", "event_version"}
)
"""Fields of the envelope that the format has under the same name."""


class TradPalAdapter:
    """``{"event_type": "trading_signal", "data": {...}, "source": ..., "timestamp": ...}``.

    ``event_id``, ``correlation_id`` and ``causation_id`` are taken where they are given. TradPal
    writes amounts as floats: here alone they are taken, by the shortest decimal that means the same
    float, for that is what its authors wrote down. Words are in capitals there (``BUY``). The data
    may be JSON text, as they are in a stream of its own, where values have no structure. Carries
    neither entity nor metadata: the entity is read from the payload.
    """

    name = "tradpal"

    def why_not(self, raw: Any, headers: Headers) -> str:
        if why := missing(raw, ("event_type", "data")):
            return why
        name = raw["event_type"]
        if not isinstance(name, str) or not SNAKE.fullmatch(name):
            return "its event_type is not in snake case, such as trading_signal"
        if foreign := sorted((ENVELOPE & raw.keys()) - KNOWN):
            return f"has {foreign[0]}, which TradPal does not say"  # dropped it would be lost
        return ""

    def read(self, raw: Any, headers: Headers) -> Event:
        return event_of(
            raw["event_type"],
            object_of(raw["data"], "data"),
            translated=_translated,
            event_id=raw.get("event_id"),
            occurred_at=instant(raw.get("timestamp")),
            correlation_id=raw.get("correlation_id"),
            causation_id=raw.get("causation_id"),
            producer=raw.get("source"),
            event_version=raw.get("event_version"),
        )

    def write(self, event: Event) -> Any:
        spellings = (alias for one in registry.versions(event.event_type) for alias in one.aliases)
        name = next(filter(SNAKE.fullmatch, spellings), None)
        if name is None:
            raise unnamed(self.name, event)
        told = event.to_dict()
        return {
            "event_type": name,
            "event_id": told["event_id"],
            "timestamp": told["occurred_at"],
            "correlation_id": told["correlation_id"],
            "causation_id": told["causation_id"],
            "source": event.producer,
            "event_version": event.event_version,
            "data": told["data"],
        }


def _translated(entry: EventType, data: Any) -> Any:
    """A payload with its floats as decimals and its words in the case of the model."""
    if not isinstance(data, Mapping):
        return data
    fields = entry.payload.model_fields
    return {
        name: _value(fields[name].annotation, value) if name in fields else value
        for name, value in data.items()
    }


def _value(annotation: Any, value: Any) -> Any:
    if isinstance(value, float) and _mentions(annotation, Decimal):
        return repr(value)
    if isinstance(value, str) and value not in _words(annotation):
        return next((word for word in _words(annotation) if word == value.lower()), value)
    return value


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(part, kind) for part in get_args(annotation))


def _words(annotation: Any) -> list[Any]:
    """The values a Literal allows, wherever in the annotation it stands."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in _words(part)]
