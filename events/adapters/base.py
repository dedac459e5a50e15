"""What an adapter is, and what several of them do alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from events import strict_json
from events.envelope import Event
from events.errors import InvalidEvent, Problem, UnknownType
from events.quoting import MOST_QUOTED, told
from events.registry import EventType, registry, split_version
from events.validation import validated

Headers = Mapping[str, str]
"""Of an HTTP request, names in lower case; empty where there was none."""

ENVELOPE = frozenset(Event.__struct_fields__)
"""Fields of the envelope, ``data`` and ``metadata`` among them."""


Translation = Callable[[EventType, Any], Any]
"""The data of a format as a version's model takes them."""


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
        """The event in this format, JSON-ready; what the format cannot carry is left out.

        Raises InvalidEvent naming format and type where the format has no name for the type.
        """
        ...


def missing(raw: Any, wanted: Collection[str]) -> str:
    """Why something is not an object with these fields; empty when it is."""
    if not isinstance(raw, Mapping):
        return f"is {_kind(raw)}, not an object"
    absent = [name for name in wanted if name not in raw]
    return f"has no {' and no '.join(absent)}" if absent else ""


def event_of(
    event_type: Any, data: Any, *, translated: Translation | None = None, **envelope: Any
) -> Event:
    """A valid event of what a format gives; None is absent. `of_its_version` says of which version,
    and what is raised."""
    given = {name: value for name, value in envelope.items() if value is not None}
    return of_its_version({**given, "event_type": event_type, "data": data}, translated)


def of_its_version(raw: Mapping[str, Any], translated: Translation | None = None) -> Event:
    """A valid event of a raw envelope.

    Its version is the one it names, by its type's name (``X.v1``) or by ``event_version``. One that
    names none is of the newest version that its data validate against: the newest is tried first,
    then the one before it, and so on. `translated` makes of the data what a version's model takes.
    Raises InvalidEvent with every field that is wrong, where no version fits in the newest; and
    where the name and ``event_version`` contradict each other.
    """
    refusals = []
    for entry in _versions(raw.get("event_type"), raw.get("event_version")):
        data = translated(entry, raw["data"]) if translated else raw["data"]
        try:
            return validated({**raw, "event_version": entry.version, "data": data})
        except InvalidEvent as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]
    return validated(raw)  # it says what is wrong with the type or the version


def _versions(event_type: Any, version: Any) -> tuple[EventType, ...]:
    """The registered versions that an event may be of, the newest first."""
    try:
        entry = registry.resolve(event_type, version)
        named = version is not None or split_version(event_type)[1] is not None
    except (UnknownType, TypeError, ValueError):  # no text, or a version of many digits
        return ()
    return (entry,) if named else registry.versions(entry.name)


def object_of(value: Any, field: str) -> Any:
    """The object that JSON text holds, for senders who write their data as a text; what is no text
    is given back. Raises InvalidEvent naming `field`."""
    return object_in(value, field) if isinstance(value, str) else value


def object_in(text: str | bytes, field: str) -> Mapping[str, Any]:
    """The object that JSON text holds. Raises InvalidEvent naming `field` for any other text."""
    try:
        found = strict_json.parsed(text)
    except ValueError as error:
        raise refused(
            field, f"holds no JSON: {told(str(error))}; send an object, or JSON text of one"
        ) from error
    if not isinstance(found, Mapping):
        raise refused(field, f"is JSON text of {_kind(found)}; send an object, or JSON text of one")
    return found


def instant(value: Any) -> Any:
    """A time as the envelope wants it: ISO 8601, or seconds since 1970; a number that would be
    beyond the year 9999 is milliseconds. One without a zone is UTC, as all legacy formats mean it.
    What is no time is given back, for validation to name."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _since_1970(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _since_1970(number: float) -> Any:
    for unit_s in (1, 1_000):
        try:
            return datetime.fromtimestamp(number / unit_s, UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return number


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


def with_foreign(metadata: Any, name: str, foreign: Mapping[str, Any]) -> Any:
    """Metadata that keep under `name` what an event of a format holds and nobody here knows.

    Metadata that are no object are given back, for validation to name.
    """
    own = {} if metadata is None else metadata
    if not foreign or not isinstance(own, Mapping):
        return own
    kept = own.get(name, {})
    if not isinstance(kept, Mapping):
        raise refused(f"metadata.{name}", "must be an object: fields of the format are kept there")
    return {**own, name: {**kept, **foreign}}


def without_foreign(
    metadata: Mapping[str, Any], name: str, known: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `with_foreign` kept, to be written where it stood, and the metadata without it. What
    would take the place of a field that the format knows stays where it is."""
    kept = metadata.get(name)
    if not isinstance(kept, Mapping) or kept.keys() <= set(known):
        return {}, dict(metadata)
    foreign = {field: value for field, value in kept.items() if field not in known}
    within = {field: value for field, value in kept.items() if field in known}
    rest = {field: value for field, value in metadata.items() if field != name}
    return foreign, {**rest, name: within} if within else rest


def unnamed(name: str, event: Event) -> InvalidEvent:
    """The error for an event whose type the format `name` has no name for."""
    reason = (
        f"the format {name} has no name for {event.label}; "
        "astra and cloudevents have one for every type"
    )
    return InvalidEvent(event.event_type, (Problem("event_type", reason),))


def refused(field: str, reason: str) -> InvalidEvent:
    """The error for one field of a foreign event, which may be called anything."""
    return InvalidEvent("event", (Problem(told(field, MOST_QUOTED), reason),))


def _kind(raw: Any) -> str:
    kinds = {list: "a list", str: "a text", bytes: "bytes", type(None): "nothing", bool: "a flag"}
    return kinds.get(type(raw), "a number" if isinstance(raw, int | float) else type(raw).__name__)
