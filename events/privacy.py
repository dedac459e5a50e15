"""Personal and secret payload fields: what nobody sees without a reason is masked here.

Masking happens on the server, before a value can reach a page, a socket, a log or a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from events.envelope import Event
from events.errors import UnknownType
from events.registry import registry

MASK = "•••• masked"
"""Stands for a value in every place that shows payloads."""

SHORTEST = 3
"""Personal values shorter than this are not looked for in texts: they would blank out words."""


def sensitive_fields(event_type: str, version: int | None = None) -> frozenset[str] | None:
    """Payload fields marked personal or secret; None for a type nobody registered."""
    try:
        entry = registry.resolve(event_type, version)
    except UnknownType:
        return None
    return frozenset((*entry.personal, *entry.secret))


def masked(event: Event) -> dict[str, Any]:
    """The event's payload with its sensitive values masked.

    Of a type nobody registered every value is masked: which of them are sensitive is not known.
    """
    fields = sensitive_fields(event.event_type, event.event_version)
    return {
        name: MASK if fields is None or name in fields else value
        for name, value in event.data.items()
    }


def masked_text(text: str, event: Event | None) -> str:
    """A message or traceback with the sensitive values of `event` masked wherever they occur."""
    if event is None:
        return text
    values = sorted(_sensitive_values(event), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, values)), MASK, text) if values else text


def _sensitive_values(event: Event) -> set[str]:
    fields = sensitive_fields(event.event_type, event.event_version)
    hidden: Mapping[str, Any] = {
        name: value for name, value in event.data.items() if fields is None or name in fields
    }
    texts = {str(value) for value in hidden.values() if isinstance(value, str | int | float)}
    return {text for text in texts if len(text) >= SHORTEST}
