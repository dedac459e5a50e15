"""What old code may say of an event beside its type and payload, and the event made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from events.adapters.base import Adapter, event_of, instant, refused
from events.envelope import INHERITED_METADATA, Event, stream_name
from events.errors import UnknownFormat, UnknownType
from events.quoting import quoted
from events.registry import registry, split_version


class Given(TypedDict, total=False):
    """Fields of the envelope that a caller may give; what is absent or None is filled in."""

    caused_by: Event | None
    """The event this one follows from: gives correlation and causation, which are not given then,
    and hands on the trace and the mark of a synthetic event."""
    correlation_id: UUID | str | None
    causation_id: UUID | str | None
    event_id: UUID | str | None
    occurred_at: datetime | str | float | None
    """An instant; without a zone it is UTC, a number is seconds since 1970."""
    event_version: int | None
    producer: str | None
    """``name@version``; without it that of the type's domain."""
    entity_id: str | None
    """Without it the payload's own, e.g. its user."""
    metadata: Mapping[str, Any] | None


def made(event_type: Any, data: Any, **given: Unpack[Given]) -> Event:
    """A valid event, not yet published.

    Raises UnknownType with the nearest names, InvalidEvent with every field that is wrong, and for
    `caused_by` beside ids of its own.
    """
    fields: dict[str, Any] = {**given}
    cause = fields.pop("caused_by", None)
    if cause is not None:
        fields |= _following(cause, fields)
    fields["occurred_at"] = instant(fields.get("occurred_at"))
    return event_of(event_type, data, **fields)


def _following(cause: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The ids and metadata of an event that `cause` caused, as `Event.caused` sets them."""
    if not isinstance(cause, Event):
        raise refused("caused_by", f"is a {type(cause).__name__}; give the Event it follows from")
    metadata = fields.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise refused("metadata", f"is a {type(metadata).__name__}; give a mapping")
    for name in ("correlation_id", "causation_id"):
        if fields.get(name) is not None:
            raise refused(name, "comes from caused_by; give one of the two")
    inherited = {
        name: cause.metadata[name] for name in INHERITED_METADATA if name in cause.metadata
    }
    return {
        "correlation_id": cause.correlation_id,
        "causation_id": cause.event_id,
        "metadata": {**inherited, **metadata, "depth": cause.depth + 1},
    }


def read_as(adapter: Adapter, raw: Any, *, source: str | None) -> Event:
    """A valid event of what is of an adapter's format; `source` says it where it names none.

    Raises UnknownFormat with the reason for what is not of the format, InvalidEvent with every
    field that is wrong.
    """
    if why := adapter.why_not(raw, {}):
        raise UnknownFormat(((adapter.name, why),))
    told = raw if raw.get("source") is not None else {**raw, "source": source}
    return adapter.read(told, {})


def with_field(data: Any, name: str, value: Any) -> Any:
    """A payload with a field that was given beside it; None is nothing given.

    Raises InvalidEvent when the payload holds another value there.
    """
    if value is None or not isinstance(data, Mapping):
        return data
    if data.get(name, value) != value:
        inside, beside = quoted(data[name]), quoted(value)
        raise refused(
            f"data.{name}",
            f"is {inside} in the payload and {beside} beside it; give one of the two",
        )
    return {**data, name: value}


def full_name(name: Any, domain: str) -> Any:
    """The registered name of what a domain's own code calls `name`.

    In the domain ``Gamification`` both ``XPGained`` and ``xp_gained`` are
    ``Gamification.XPGained``, with ``.v1`` behind it where the name has that: two names mean one
    type where they would travel on one stream. Any other name that the registry knows stays as it
    is; one that nobody knows is given with the domain, for validation to refuse.
    """
    if not isinstance(name, str) or not domain:
        return name
    plain, version = split_version(name)
    wanted = stream_name(f"{domain}.{plain}", 1)
    found = next((one.name for one in registry.all() if stream_name(one.name, 1) == wanted), "")
    if not found and ("." in plain or _is_known(name)):
        return name
    return f"{found or f'{domain}.{plain}'}{f'.v{version}' if version else ''}"


def _is_known(name: str) -> bool:
    try:
        registry.resolve(name)
    except UnknownType:
        return False
    return True
