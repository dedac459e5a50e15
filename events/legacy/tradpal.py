"""What TradPal's services publish through: names in snake case, ``{event_type, data, ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack
from uuid import UUID

from asgiref.sync import sync_to_async

from events.adapters.base import object_of, refused
from events.adapters.tradpal import TradPalAdapter
from events.bus import publish
from events.envelope import Event
from events.legacy.envelope import read_as, with_field


class Beside(TypedDict, total=False):
    """What may stand beside type and data in an event of TradPal."""

    event_id: UUID | str | None
    event_version: int | None
    timestamp: datetime | str | float | None
    """An instant, UTC where it has no zone; a number is seconds since 1970."""
    source: str | None
    """Who says it, ``name@version``."""
    correlation_id: UUID | str | None
    causation_id: UUID | str | None


FIELDS = ("event_type", "data", *Beside.__annotations__)
"""What an event of TradPal may hold."""


class EventType(StrEnum):
    """The types of TradPal, each an alias of a registered one."""

    MARKET_DATA_UPDATE = "market_data_update"
    TRADING_SIGNAL = "trading_signal"
    ORDER_EXECUTED = "order_executed"
    PORTFOLIO_UPDATE = "portfolio_update"
    RISK_ALERT = "risk_alert"
    SYSTEM_HEALTH = "system_health"
    ML_MODEL_UPDATE = "ml_model_update"
    BACKTEST_COMPLETE = "backtest_complete"


def publish_event(
    event: Mapping[str, Any], *, source: str | None = None, user_id: int | None = None
) -> Event:
    """Publish ``{"event_type": "order_executed", "data": {...}}`` in the caller's transaction, and
    return it.

    `Beside` says what may stand beside the two. `source` is the producer of one that names none;
    `user_id` is put into the data, where it may stand already. The entity is read from the data.
    Floats become the decimals that were meant and words in capitals the allowed ones, as
    `TradPalAdapter` says. The same ``event_id`` a second time changes nothing.

    Raises UnknownFormat for a name that is not in snake case, UnknownType with the nearest names,
    InvalidEvent with every field that is wrong and for one that TradPal's events do not have;
    nothing is published then.
    """
    if isinstance(event, Mapping):
        foreign = sorted(str(name) for name in event if name not in FIELDS)
        if foreign:
            raise refused(
                foreign[0], f"is no field of TradPal's events; they are {_listed(FIELDS)}"
            )
        if "data" in event:
            data = object_of(event["data"], "data")
            event = {**event, "data": with_field(data, "user_id", user_id)}
    made = read_as(TradPalAdapter(), event, source=source)
    publish(made)
    return made


class EventClient:
    """The client of TradPal's services, whose methods are awaited.

    Each publishes one event and returns it, as `publish_event` does, in a transaction of its own:
    Django's transactions do not reach across an ``await``. There is nothing to open or to close;
    ``async with`` is understood because old code has it.
    """

    def __init__(self, source: str | None = None) -> None:
        """`source` is who says the events, ``name@version``; without it each type's domain."""
        self.source = source

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    async def publish_event(self, event: Mapping[str, Any], *, user_id: int | None = None) -> Event:
        """An event as an object, ``{"event_type": ..., "data": {...}, ...}``."""
        publishing = sync_to_async(publish_event)
        return await publishing(event, source=self.source, user_id=user_id)

    async def publish(
        self,
        event_type: EventType | str,
        data: Mapping[str, Any],
        *,
        user_id: int | None = None,
        **beside: Unpack[Beside],
    ) -> Event:
        """An event of a type, by its parts."""
        return await self.publish_event(_event(event_type, data, beside), user_id=user_id)

    async def publish_market_data(
        self, symbol: str, data: Mapping[str, Any], **beside: Unpack[Beside]
    ) -> Event:
        """The newest ``price`` of a symbol, and the ``volume`` traded where it is known."""
        told = with_field(data, "symbol", symbol)
        return await self.publish_event(_event(EventType.MARKET_DATA_UPDATE, told, beside))

    async def publish_trading_signal(
        self, data: Mapping[str, Any], **beside: Unpack[Beside]
    ) -> Event:
        """An advice: ``symbol``, ``action`` (buy, sell, hold) and ``confidence`` from 0 to 1."""
        return await self.publish_event(_event(EventType.TRADING_SIGNAL, data, beside))

    async def publish_portfolio_update(
        self, data: Mapping[str, Any], **beside: Unpack[Beside]
    ) -> Event:
        """What a user holds, valued anew: ``user_id``, ``positions``, ``value``, ``cost``."""
        return await self.publish_event(_event(EventType.PORTFOLIO_UPDATE, data, beside))


def _event(event_type: EventType | str, data: Any, beside: Beside) -> dict[str, Any]:
    return {**beside, "event_type": str(event_type), "data": data}


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
