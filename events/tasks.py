"""An event on its way through a group, and what a handler is given with it.

One of each is made for every delivery, so they are structs: they take little more than a third of
a dataclass's time. The garbage collector is not told of them; they are part of no cycle.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from events.envelope import Event
from events.errors import Reject
from events.groups import Handler
from events.transport.base import Delivery


class Context(msgspec.Struct, gc=False):
    """What a handler is given beside the event."""

    event: Event
    payload: Any
    """The payload as an instance of its registered model."""
    attempt: int
    """1 is the first."""
    ends_at: float
    """Unix time at which the handler is stopped."""
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    producer: str
    max_depth: int
    said: list[Event] = []

    @property
    def deadline_at(self) -> datetime:
        """When the handler is stopped and its attempt counts as failed."""
        return datetime.fromtimestamp(self.ends_at, UTC)

    def caused(
        self, event_type: str, data: dict[str, Any], *, entity_id: str | None = None
    ) -> Event:
        """Say that something follows from this event; published with the handler's own effects.

        Raises InvalidEvent when it does not validate, Reject when the chain has grown too long.
        """
        if self.event.depth >= self.max_depth:
            raise Reject(
                f"the chain is {self.event.depth} events deep, more than {self.max_depth} "
                "is taken for a loop"
            )
        event = self.event.caused(event_type, data, producer=self.producer, entity_id=entity_id)
        self.said.append(event)
        return event


class Task(msgspec.Struct, gc=False, eq=False):
    """An event on its way through the pipeline."""

    delivery: Delivery
    event: Event
    context: Context
    handlers: tuple[Handler, ...]
    took_us: int = 0
    repeats: int = 0
    """How often SQL was in the way when it ran with others."""
    repeats_alone: int = 0
    called_outside: bool = False
    """Its external handlers have done their part, in this attempt."""
    fresh: bool = True
    """Its group has neither handled it nor set it aside."""

    @property
    def event_id(self) -> UUID:
        return self.event.event_id
