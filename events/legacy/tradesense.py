"""What TradeSense's application services publish through: dotted names with their version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from events.adapters.base import object_of
from events.adapters.tradesense import TradeSenseAdapter
from events.bus import publish
from events.envelope import Event
from events.legacy.envelope import read_as, with_field


class EventPublisher:
    """Publishes TradeSense's events, in the transaction of the caller.

    Call it where the state has changed and before the transaction commits: the event is accepted
    with the change or not at all, and there is no failure of publishing to be handled beside it.
    """

    def __init__(self, source: str | None = None) -> None:
        """`source` is who says the events, ``name@version``; without it each type's domain."""
        self.source = source

    def publish(
        self,
        event_type: str,
        payload: Mapping[str, Any] | str,
        *,
        user_id: int | None = None,
        aggregate_id: str | None = None,
        correlation_id: UUID | str | None = None,
        causation_id: UUID | str | None = None,
        event_id: UUID | str | None = None,
        timestamp: datetime | str | float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Event:
        """Publish an event, ``Trading.Position.Opened.v1``, and return it.

        The payload may be JSON text. `user_id` is put into it, where it may stand already.
        `aggregate_id` is the entity, without it the payload's own; `timestamp` an instant, UTC
        where it has no zone, a number being seconds since 1970. The same `event_id` a second time
        changes nothing. Raises UnknownFormat for a name without its version, UnknownType with the
        nearest names, InvalidEvent with every field that is wrong; nothing is published then.
        """
        return self.publish_event(
            {
                "event_type": event_type,
                "payload": with_field(object_of(payload, "payload"), "user_id", user_id),
                "aggregate_id": aggregate_id,
                "correlation_id": correlation_id,
                "causation_id": causation_id,
                "event_id": event_id,
                "timestamp": timestamp,
                "metadata": metadata,
            }
        )

    def publish_event(self, event: Mapping[str, Any]) -> Event:
        """Publish an event that is an object already, ``{"event_type", "payload", ...}`` (see
        `TradeSenseAdapter`), and return it. One that names no source has that of the publisher."""
        made = read_as(TradeSenseAdapter(), event, source=self.source)
        publish(made)
        return made
