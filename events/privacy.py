"""Payload fields that nobody sees without a reason are masked here: those marked personal or
secret, and those that nobody declared, which may be anything.

Masking happens on the server, before a value can reach a page, a socket, a log or a terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events.adapters.tradesense import FOREIGN as BESIDE
from events.envelope import Event
from events.errors import UnknownType
from events.registry import registry

MASK = "•••• masked"
"""Stands for a value in every place that shows payloads."""

UNDECLARED = "•••• undeclared"
"""Stands for the value of a field that the type does not have."""

SHORTEST = 3
"""Personal values shorter than this are not looked for in texts: they would blank out words."""


def hidden(event: Event) -> dict[str, str]:
    """The fields of an event's payload that are not shown, and what stands for their values.

    Of a type nobody registered that is every field: which of them are sensitive is not known.
    """
    try:
        entry = registry.resolve(event.event_type, event.event_version)
    except UnknownType:
        return dict.fromkeys(event.data, MASK)
    sensitive = {*entry.personal, *entry.secret}
    declared = entry.payload.model_fields
    return {
        name: MASK if name in sensitive else UNDECLARED
        for name in event.data
        if name in sensitive or name not in declared
    }


def masked(event: Event) -> dict[str, Any]:
    """The event's payload with what is `hidden` masked."""
    return {**event.data, **hidden(event)}


def masked_metadata(event: Event) -> dict[str, Any]:
    """The event's metadata with the values masked that another system said beside what is known:
    as fields that nobody declared they may be anything. An extension of CloudEvents is none of
    them, its specification keeps what is sensitive out of attributes."""
    kept = _beside(event)
    return {**event.metadata, BESIDE: dict.fromkeys(kept, UNDECLARED)} if kept else event.metadata


def masked_text(text: str, event: Event | None) -> str:
    """A message or traceback with the hidden values of `event` masked wherever they occur: those
    inside lists and objects too, and as Python or JSON quotes them."""
    if event is None:
        return text
    found = {
        form
        for value in _hidden_values(event)
        for form in (value, repr(value)[1:-1], json.dumps(value)[1:-1])
        if form in text
    }
    longer_first = sorted(found, reverse=True)  # of those that begin alike
    return re.sub("|".join(map(re.escape, longer_first)), MASK, text) if found else text


def _beside(event: Event) -> Mapping[str, Any]:
    kept = event.metadata.get(BESIDE)
    return kept if isinstance(kept, Mapping) else {}


def _hidden_values(event: Event) -> set[str]:
    values = [*(event.data[name] for name in hidden(event)), *_beside(event).values()]
    texts = map(str, _leaves(values))
    return {text for text in texts if len(text) >= SHORTEST}


def _leaves(values: Iterable[Any]) -> Iterator[str | int | float]:
    """The texts and numbers in JSON, however deep; so is a key that is more than a plain word, for
    an object may be a table by addresses."""
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += value.values()
            yield from (key for key in value if not key.isidentifier())
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str | int | float):
            yield value
