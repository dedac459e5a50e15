"""Events in other formats, to and from ours.

    astra              our own envelope
    astratrade-legacy  AstraTrade's first gamification events (GamificationEventAdapter)
    emit-event         what ``_emit_event(type, data)`` was given (SimpleEventAdapter)
    trading-enhanced   AstraTrade's enhanced trading and social events, flat (EnhancedEventAdapter)
    social-enhanced
    tradesense         dotted events, ``Trading.Position.Opened.v1``
    tradpal            events in snake case, ``trading_signal``
    cloudevents        CloudEvents 1.0: structured, binary and batched
    webhook NAME       whatever ``settings.ASTRA["webhooks"]`` maps

`adapt` takes one of any of these, `adapt_body` a request's body and headers. What names no version
is of the newest that its data validate against (`events.adapters.base.of_its_version`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from events import strict_json
from events.adapters.astra import (
    EnhancedEventAdapter,
    Envelope,
    GamificationEventAdapter,
    SimpleEventAdapter,
)
from events.adapters.base import Adapter, Headers, refused
from events.adapters.cloudevents import CloudEventsAdapter, is_batch
from events.adapters.tradesense import TradeSenseAdapter
from events.adapters.tradpal import TradPalAdapter
from events.adapters.webhooks import configured
from events.envelope import Event
from events.errors import ConfigurationError, InvalidEvent, InvalidInList, UnknownFormat
from events.quoting import told

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Largest body that is read: a batch of some dozens of the largest events."""


class AdapterRegistry:
    """Formats, in the order in which they are tried: the narrower first."""

    def __init__(self, adapters: Iterable[Adapter] = ()) -> None:
        self._adapters: dict[str, Adapter] = {}
        for adapter in adapters:
            self.register(adapter)

    def register(self, adapter: Adapter) -> None:
        """Add a format. Raises ConfigurationError when its name is taken."""
        if adapter.name in self._adapters:
            raise ConfigurationError(f"there are two adapters called {adapter.name!r}")
        self._adapters[adapter.name] = adapter

    @property
    def names(self) -> tuple[str, ...]:
        """Every format, in order."""
        return tuple(self._adapters)

    def named(self, name: str) -> Adapter:
        """The adapter of a format. Raises ConfigurationError naming those there are."""
        if name not in self._adapters:
            known = ", ".join(self._adapters)
            raise ConfigurationError(f"no format is called {name!r}; there are {known}")
        return self._adapters[name]

    def choose(self, raw: Any, headers: Headers) -> Adapter:
        """The first adapter whose format this is. Raises UnknownFormat with what was tried."""
        tried = []
        for adapter in self._adapters.values():
            why = adapter.why_not(raw, headers)
            if not why:
                return adapter
            tried.append((adapter.name, why))
        raise UnknownFormat(tuple(tried))

    def adapt(self, raw: Any, headers: Headers | None = None) -> Event:
        """The event that `raw` is, a value as JSON gives it.

        Raises UnknownFormat with every format tried and why it is none of them, InvalidEvent when
        it is of a format and something in it is wrong.
        """
        known = {name.lower(): value for name, value in (headers or {}).items()}
        return self.choose(raw, known).read(raw, known)

    def adapt_several(self, raw: Any) -> list[Event]:
        """The events that `raw` is: one, or those of a list of objects and pairs, each of any
        format. Of a list all or none is taken.

        Raises as `adapt` does, for a list InvalidInList.
        """
        if not isinstance(raw, list) or not raw or not isinstance(raw[0], Mapping | list):
            return [self.adapt(raw)]
        return _together(raw, self.adapt)


def adapters() -> AdapterRegistry:
    """Every format, the webhooks of the settings among them."""
    return AdapterRegistry(
        [
            CloudEventsAdapter(),
            *configured(),
            TradeSenseAdapter(),
            GamificationEventAdapter(),
            EnhancedEventAdapter("trading"),
            EnhancedEventAdapter("social"),
            TradPalAdapter(),
            Envelope(),
            SimpleEventAdapter(),
        ]
    )


def adapt(raw: Any, headers: Mapping[str, str] | None = None) -> Event:
    """The event that `raw` is, in whichever known format (see `AdapterRegistry.adapt`)."""
    return adapters().adapt(raw, headers)


def adapt_body(body: bytes, headers: Mapping[str, str] | None = None) -> list[Event]:
    """The events of a request: one, or those of a batch of CloudEvents.

    Raises InvalidEvent for a body that is no JSON or longer than MAX_BODY_BYTES. Of a batch all or
    none is taken: what is wrong with one of it is InvalidInList.
    """
    if len(body) > MAX_BODY_BYTES:
        raise refused("body", f"has {len(body):,} bytes, at most {MAX_BODY_BYTES:,} are read")
    try:
        raw = strict_json.parsed(body)
    except ValueError as error:
        raise refused("body", f"is no JSON: {told(str(error))}") from error
    known = {name.lower(): value for name, value in (headers or {}).items()}
    if not is_batch(known):
        return [adapt(raw, known)]
    if not isinstance(raw, list):
        raise refused("body", "is no list, as a batch is")
    return _together(raw, _of_batch)


def _of_batch(raw: Any) -> Event:
    adapter = CloudEventsAdapter()
    if why := adapter.why_not(raw, {}):
        raise refused("event", why)
    return adapter.read(raw, {})


def _together(several: Sequence[Any], read: Callable[[Any], Event]) -> list[Event]:
    """The events of a list, all or none; what is wrong with one is told with its place."""
    events = []
    for place, raw in enumerate(several):
        try:
            events.append(read(raw))
        except InvalidEvent as error:
            raise InvalidInList(place, len(several), error) from error
    return events
