"""The envelope every event travels in, and its two conversions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from events.errors import InvalidEvent, Problem

STREAM_PREFIX = "astra"

INHERITED_METADATA = ("synthetic", "trace")
"""What an event hands on to those it causes, beside its depth."""


class Event(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Something that happened: an immutable envelope around a payload.

    `data` and `metadata` are JSON-ready (money as strings, times as ISO 8601). Instances are made
    by `Event.new`, which validates, or by `from_json`, which checks only the envelope. One that was
    validated carries its bytes as a seal (see `sealed`), so that it is not validated twice.
    """

    event_id: UUID
    event_type: str
    event_version: int = 1
    occurred_at: datetime
    correlation_id: UUID
    causation_id: UUID | None = None
    producer: str
    domain: str
    entity_id: str
    data: dict[str, Any]
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)

    @classmethod
    def new(
        cls,
        event_type: str,
        data: Mapping[str, Any],
        *,
        producer: str | None = None,
        entity_id: str | None = None,
        event_id: UUID | None = None,
        occurred_at: datetime | None = None,
        correlation_id: UUID | None = None,
        causation_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Event:
        """Make a valid event of a registered type.

        `event_type` may be an alias or end in ``.vN``; `data` may hold Decimals, dates and UUIDs.
        Without `correlation_id` the event is the root of a chain and carries its own id. Raises
        InvalidEvent with every field that is wrong, UnknownType for a type nobody registered.
        """
        return _maker.make(
            event_type,
            data,
            producer,
            entity_id,
            event_id,
            occurred_at,
            correlation_id,
            causation_id,
            metadata,
        )

    def caused(
        self,
        event_type: str,
        data: Mapping[str, Any],
        *,
        producer: str | None = None,
        entity_id: str | None = None,
    ) -> Event:
        """Make the next event of this chain: same correlation, this event as its cause.

        Hands on the trace context and the mark of a synthetic event; counts the depth.
        """
        inherited = {key: self.metadata[key] for key in INHERITED_METADATA if key in self.metadata}
        return Event.new(
            event_type,
            data,
            producer=producer or self.producer,
            entity_id=entity_id,
            correlation_id=self.correlation_id,
            causation_id=self.event_id,
            metadata={**inherited, "depth": self.depth + 1},
        )

    @property
    def depth(self) -> int:
        """How many events lie between this one and its root; 0 for a root."""
        depth = self.metadata.get("depth", 0)
        return depth if isinstance(depth, int) else 0

    @property
    def synthetic(self) -> bool:
        """Made by the simulator or as a test, not by a customer."""
        return self.metadata.get("synthetic") is True

    @property
    def label(self) -> str:
        """``Trading.TradeExecuted.v1``: its type with the version it was said in."""
        return f"{self.event_type}.v{self.event_version}"

    def get_stream_name(self) -> str:
        """Name of the stream this event travels on, e.g. ``astra.trading.tradeexecuted.v1``."""
        return stream_name(self.event_type, self.event_version)

    def to_dict(self) -> dict[str, Any]:
        """The envelope as JSON-ready values: ids and times become strings."""
        converted: dict[str, Any] = msgspec.to_builtins(self)
        return converted

    def to_json(self) -> bytes:
        """The envelope as it travels: UTF-8 JSON. `from_json` gives an equal event back."""
        return _encoder.encode(self)

    @classmethod
    def from_json(cls, raw: bytes | str) -> Event:
        """Read what `to_json` wrote. Raises InvalidEvent naming the field that does not fit.

        The payload is not validated here: `validation.payload_of` does that.
        """
        try:
            return _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidEvent("event", (Problem(*_field_and_reason(error)),)) from error


def readable(raw: bytes | str) -> Event | None:
    """The event that bytes are, None where they are none; its payload is not validated."""
    try:
        return Event.from_json(raw)
    except InvalidEvent:
        return None


SEAL = "seal"

NO_JSON = (TypeError, ValueError, OverflowError, RecursionError, msgspec.EncodeError)
"""What writing a value as JSON may fail with."""


def sealed(event: Event, body: bytes) -> Event:
    """Note that this event was validated when it read as `body`. Returns the event."""
    event.__dict__[SEAL] = body
    return event


def body_if_sealed(event: Event) -> bytes | None:
    """The event as it travels, if it was validated and is unchanged since; else None.

    `data` is a dict that may have been changed: the seal holds only while it reads the same.
    """
    seal: bytes | None = event.__dict__.get(SEAL)
    try:
        return seal if seal is not None and event.to_json() == seal else None
    except NO_JSON:  # it was given what cannot be written: validating it says what
        return None


class _Maker:
    """Makes a valid event of what `Event.new` is given, in that order. Validation stands above this
    module and fills it in."""

    def __init__(self) -> None:
        self.make: Callable[..., Event] = _nobody


def _nobody(*given: Any) -> Event:
    raise RuntimeError("events.validation has not been imported: take Event from `events`")


_maker = _Maker()


def made_by(make: Callable[..., Event]) -> None:
    """Tell this module who makes valid events."""
    _maker.make = make


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def new_event_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids sort by the time they were made, to the millisecond."""
    return uuid7()


def now() -> datetime:
    """The present instant, aware UTC, microseconds."""
    return datetime.now(UTC)


@lru_cache(maxsize=1_000)
def domain_of(event_type: str) -> str:
    """``Trading.TradeExecuted`` -> ``trading``."""
    return event_type.partition(".")[0].lower()


@lru_cache(maxsize=1_000)
def stream_name(event_type: str, version: int) -> str:
    """``Trading.Position.Opened``, 1 -> ``astra.trading.positionopened.v1``."""
    domain, _, name = event_type.partition(".")
    plain = name.replace(".", "").replace("_", "").lower()
    return f"{STREAM_PREFIX}.{domain.lower()}.{plain}.v{version}"


def _field_and_reason(error: Exception) -> tuple[str, str]:
    """msgspec says ``Expected `uuid`, got `int` - at `$.event_id```; split that in two."""
    reason, _, path = str(error).partition(" - at `$")
    return path.strip("`.") or "event", reason or "nested too deeply"
