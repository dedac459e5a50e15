"""What an adapter is, and what several of them do alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from events.envelope import Event
from events.errors import InvalidEvent, Problem
from events.validation import validated

Headers = Mapping[str, str]
"""Of an HTTP request, names in lower case; empty where there was none."""

ENVELOPE = frozenset(Event.__struct_fields__)
"""Fields of the envelope, ``data`` and ``metadata`` among them."""


class Adapter(Protocol):
    """One foreign format: how it is told from others, read, and written."""

    name: str

    def why_not(self, raw: Any, headers: Headers) -> str:
        """Why this is not of the format, in words; empty when it is. Looks at its shape alone."""
        ...

    def read(self, raw: Any, headers: Headers) -> Event:
        """The event. Raises InvalidEvent naming each field that is wrong."""
        ...

    def write(self, event: Event) -> Any:
        """The event in this format, JSON-ready; what the format cannot carry is left out."""
        ...


def missing(raw: Any, wanted: Collection[str]) -> str:
    """Why something is not an object with these fields; empty when it is."""
    if not isinstance(raw, Mapping):
        return f"is {_kind(raw)}, not an object"
    absent = [name for name in wanted if name not in raw]
    return f"has no {' and no '.join(absent)}" if absent else ""


def event_of(event_type: Any, data: Any, **envelope: Any) -> Event:
    """A valid event of what a format gives; None is absent."""
    given = {name: value for name, value in envelope.items() if value is not None}
    return validated({**given, "event_type": event_type, "data": data})


def instant(value: Any) -> Any:
    """A time as the envelope wants it: ISO 8601, or seconds since 1970. One without a zone is UTC,
    as all legacy formats mean it. What is no time is given back, for validation to name."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return str(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def stable_id(source: str, given: str) -> UUID:
    """The id of an event or a chain that another system calls `given`: the same one each time. One
    that is no UUID becomes one of the two (RFC 9562, version 5), which together are unique."""
    return given_uuid(given) or uuid5(NAMESPACE_URL, _encodable(f"{source}\n{given}"))


def given_uuid(given: Any) -> UUID | None:
    """The UUID that a text is, None when it is none."""
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _encodable(text: str) -> str:
    """A text without halves of surrogate pairs, which JSON may hold and UTF-8 may not."""
    return text.encode(errors="backslashreplace").decode()


def refused(field: str, reason: str) -> InvalidEvent:
    """The error for one field of a foreign event."""
    return InvalidEvent("event", (Problem(field, reason),))


def _kind(raw: Any) -> str:
    kinds = {list: "a list", str: "a text", bytes: "bytes", type(None): "nothing", bool: "a flag"}
    return kinds.get(type(raw), "a number" if isinstance(raw, int | float) else type(raw).__name__)
