"""What is checked at the border: the envelope by its model, the payload by its type's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from events.conf import bus_settings
from events.envelope import (
    NO_JSON,
    Event,
    body_if_sealed,
    made_by,
    new_event_id,
    now,
    readable,
    sealed,
)
from events.errors import InvalidEvent, Problem, problems_in
from events.failures import message_of
from events.quoting import quoted, told
from events.registry import EventType, Payload, registry, split_version
from events.versions import brought_up

MAX_EVENT_BYTES = 256 * 1024
"""Largest envelope on the wire (design: 256 KiB an event)."""

MAX_DEPTH = 32
"""Deepest nesting of `metadata`; deeper JSON is an attack or a mistake."""

SMALL = 2**53
"""Whole numbers below it are the same to every reader of JSON."""

AS_SAID = "as said"

Label = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _instant(value: Any, validate: ValidatorFunctionWrapHandler) -> datetime:
    try:
        found: datetime = validate(value)
    except ValidationError:
        raise ValueError(
            f"is {quoted(value)}; write an instant with its zone, such as 2026-01-15T12:30:15Z"
        ) from None
    return found


Instant = Annotated[AwareDatetime, WrapValidator(_instant)]


@lru_cache(maxsize=1_000)
def _is_label(text: str) -> bool:
    return 1 <= len(text) <= 200 and text.isprintable()


class EventValidationModel(BaseModel):
    """An envelope as it comes from outside: what is absent is filled in, what is odd is refused."""

    model_config = ConfigDict(extra="forbid")

    event_type: Label
    event_version: Annotated[int, Field(ge=1, le=999_999)] | None = None
    data: dict[str, Any]
    event_id: UUID | None = None
    occurred_at: Instant | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    producer: Label | None = None
    domain: str | None = None
    entity_id: Label | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


def made(
    event_type: str,
    data: Mapping[str, Any],
    producer: str | None,
    entity_id: str | None,
    event_id: UUID | None,
    occurred_at: datetime | None,
    correlation_id: UUID | None,
    causation_id: UUID | None,
    metadata: Mapping[str, Any] | None,
) -> Event:
    """Make an event as `Event.new` says.

    Checking an envelope by its model costs as much as checking the payload. A handler's said event
    and a service's new one are of Python types already, and need no model to see that; whether the
    event type is one is for the registry to say.
    """
    payload = data if type(data) is dict else dict(data)
    notes = {} if metadata is None else dict(metadata)
    if (
        entity_id is None
        and event_id is None
        and occurred_at is None
        and type(event_type) is str
        and (producer is None or (type(producer) is str and _is_label(producer)))
        and (correlation_id is None or type(correlation_id) is UUID)
        and (causation_id is None or type(causation_id) is UUID)
    ):
        entry = registry.resolve(event_type)
        return _completed(
            entry, payload, notes, correlation_id, causation_id, producer, None, None, None, None
        )
    given = {
        "event_type": event_type,
        "data": payload,
        "producer": producer,
        "entity_id": entity_id,
        "event_id": event_id,
        "occurred_at": occurred_at,
        "correlation_id": correlation_id,
        "causation_id": causation_id,
        "metadata": notes,
    }
    return validated(given)


def validated(raw: Mapping[str, Any]) -> Event:
    """Make an event of a raw envelope, or raise InvalidEvent with every problem found.

    Aliases become the canonical name, decimals and dates become strings, the entity id is read
    from the payload, a missing id, time, correlation, producer is filled in. An event that would
    not be carried because it is too large is refused here, and one that names two versions: by the
    type's name and by ``event_version``.
    """
    given = _envelope(raw)
    if given.event_version is not None:
        _check_version(given.event_type, given.event_version)
    return _completed(
        registry.resolve(given.event_type, given.event_version),
        given.data,
        given.metadata,
        given.correlation_id,
        given.causation_id,
        given.producer,
        given.entity_id,
        given.event_id,
        given.occurred_at,
        given.domain,
    )


def _completed(
    entry: EventType,
    data: Mapping[str, Any],
    metadata: dict[str, Any],
    correlation_id: UUID | None,
    causation_id: UUID | None,
    producer: str | None,
    entity_id: str | None,
    event_id: UUID | None,
    occurred_at: datetime | None,
    domain: str | None,
) -> Event:
    """The event of this type, its payload checked and what is absent filled in."""
    payload = _payload(entry, data)
    if entity_id is None:
        entity_id = str(getattr(payload, entry.entity_field))
    problems = _entity_problems(entry, entity_id)
    if domain is not None:
        problems += _domain_problems(domain, entry)
    if metadata and not _is_plain(metadata):
        problems += _metadata_problems(metadata)
    if occurred_at is None:
        occurred_at = now()
    elif occurred_at.tzinfo is not UTC:
        try:
            occurred_at = occurred_at.astimezone(UTC)
        except OverflowError:
            problems.append(Problem("occurred_at", "lies outside the years 1 to 9999 in UTC"))
    if problems:
        raise InvalidEvent(entry.name, tuple(problems))
    if event_id is None:
        event_id = new_event_id()
    owner = entry.domain
    event = Event(
        event_id=event_id,
        event_type=entry.name,
        event_version=entry.version,
        occurred_at=occurred_at,
        correlation_id=correlation_id or event_id,
        causation_id=causation_id,
        producer=producer or f"{owner}@{bus_settings().version}",
        domain=owner,
        entity_id=entity_id,
        data=_on_the_wire(payload),
        metadata=metadata,
    )
    return sealed(event, encoded(event))


def publishable(event: Event) -> tuple[Event, bytes]:
    """An event that is valid now, and its bytes; validated again unless its seal holds."""
    given: object = event
    if not isinstance(given, Event):
        reason = (
            f"is a {type(given).__name__}; give an Event: make it with Event.new(type, data), "
            "or with events.adapt(...) of what another system said"
        )
        raise InvalidEvent("event", (Problem("event", reason),))
    body = body_if_sealed(event)
    if body is None:
        event = validated(asdict(event))
        body = event.to_json()
    return event, body


def understood(event: Event) -> tuple[Event, Payload]:
    """The event as handlers see it: under its registered name, in the newest version of its type;
    and its payload as an instance of that version's model.

    Raises UnknownType, or InvalidEvent naming each field that does not validate, in the version it
    was said in or in the newest.
    """
    entry = registry.resolve(event.event_type, event.event_version)
    if entry.name != event.event_type:
        event = replace(event, event_type=entry.name)
    payload = _payload(entry, event.data)
    return (event, payload) if registry.is_newest(entry) else _newest(entry, event)


def understandable(raw: bytes | str) -> Event | None:
    """The event that bytes are, as handlers see it; None where they are none, or it does not
    validate."""
    event = readable(raw)
    try:
        return understood(event)[0] if event else None
    except InvalidEvent:
        return None


def _newest(entry: EventType, event: Event) -> tuple[Event, Payload]:
    """A valid event of an older version in the newest; it remembers how it was said."""
    try:
        newest, data = brought_up(entry, event.data)
    except Exception as error:  # an upcaster is a domain's code
        why = f"{type(error).__name__}: {told(message_of(error))}"
        reason = f"cannot be brought up from v{entry.version}: {why}"
        raise InvalidEvent(entry.name, (Problem("data", reason),)) from error
    payload = _payload(newest, data)
    brought = replace(event, event_version=newest.version, data=_on_the_wire(payload))
    brought.__dict__[AS_SAID] = event
    return brought, payload


def as_said(event: Event) -> Event:
    """The event in the version it was published in, where a handler was given a newer one."""
    said: Event = event.__dict__.get(AS_SAID, event)
    return said


def canonical(event: Event) -> Event:
    """The event under its registered name; one put on the bus by others may use an alias."""
    entry = registry.resolve(event.event_type, event.event_version)
    return event if entry.name == event.event_type else replace(event, event_type=entry.name)


def payload_of(event: Event) -> Payload:
    """The event's payload as an instance of its registered model; InvalidEvent if it is not."""
    return _payload(registry.resolve(event.event_type, event.event_version), event.data)


def encoded(event: Event) -> bytes:
    """The event as it travels; InvalidEvent when larger than MAX_EVENT_BYTES, or no JSON."""
    try:
        body = event.to_json()
    except NO_JSON as error:
        problem = Problem("data", f"cannot be written as JSON: {told(str(error))}")
        raise InvalidEvent(event.event_type, (problem,)) from error
    if len(body) > MAX_EVENT_BYTES:
        reason = f"the event has {len(body):,} bytes, at most {MAX_EVENT_BYTES:,} are carried"
        raise InvalidEvent(event.event_type, (Problem("data", reason),))
    return body


def _envelope(raw: Mapping[str, Any]) -> EventValidationModel:
    try:
        return EventValidationModel.model_validate(raw)
    except ValidationError as error:
        label = raw.get("event_type") if isinstance(raw, Mapping) else None
        named = label if isinstance(label, str) and label else "event"
        raise InvalidEvent(named, problems_in(error)) from None


def _check_version(event_type: str, version: int) -> None:
    """Refuse ``X.v9`` that says beside its name that it is version 1."""
    _, named = split_version(event_type)
    if named is not None and named != version:
        reason = f"is {version}, but {event_type} names version {named}; leave one of the two out"
        raise InvalidEvent(event_type, (Problem("event_version", reason),))


def _payload(entry: EventType, data: Mapping[str, Any]) -> Payload:
    try:
        # What model_validate calls, without its frame: a third of the time for a small payload.
        payload: Payload = entry.payload.__pydantic_validator__.validate_python(data)
        return payload
    except ValidationError as error:
        raise InvalidEvent(entry.name, problems_in(error, "data")) from None


def _on_the_wire(payload: Payload) -> dict[str, Any]:
    """A payload as JSON-ready values."""
    data: dict[str, Any] = payload.__pydantic_serializer__.to_python(
        payload, mode="json", exclude_none=True
    )
    return data


def _domain_problems(domain: str, entry: EventType) -> list[Problem]:
    if domain == entry.domain:
        return []
    return [Problem("domain", f"is {quoted(domain)}, but {entry.name} belongs to {entry.domain!r}")]


def _entity_problems(entry: EventType, entity_id: str) -> list[Problem]:
    if 0 < len(entity_id) <= 200 and entity_id.isprintable():
        return []
    reason = "becomes the entity id: 1 to 200 printable characters"
    return [Problem(f"data.{entry.entity_field}", reason)]


def _metadata_problems(metadata: dict[str, Any]) -> list[Problem]:
    if _depth(metadata) > MAX_DEPTH:
        return [Problem("metadata", f"is nested more than {MAX_DEPTH} deep")]
    if not _has_names_alone(metadata):
        return [Problem("metadata", "has a key that is not a string")]
    try:
        json.dumps(metadata, allow_nan=False)  # msgspec would write NaN as null
        msgspec.json.encode(metadata)
    except (TypeError, ValueError, OverflowError) as error:
        return [Problem("metadata", f"cannot be written as JSON: {told(str(error))}")]
    return []


def _is_plain(metadata: dict[str, Any]) -> bool:
    """Whether metadata holds small numbers and flags alone, as that of most events does."""
    return all(
        type(key) is str
        and key.isascii()
        and (type(value) is bool or (type(value) is int and -SMALL < value < SMALL))
        for key, value in metadata.items()
    )


def _has_names_alone(value: Any) -> bool:
    """Whether every key is a string: JSON would turn another into one, and say so to nobody."""
    if isinstance(value, dict):
        keys = all(isinstance(key, str) for key in value)
        return keys and all(map(_has_names_alone, value.values()))
    return not isinstance(value, list | tuple) or all(map(_has_names_alone, value))


def _depth(value: Any) -> int:
    """Nesting of dicts and lists, without recursion, no deeper than MAX_DEPTH + 1 looked at."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.values()
            elif isinstance(item, list | tuple):
                below += item
        level, depth = below, depth + 1
    return depth


made_by(made)
