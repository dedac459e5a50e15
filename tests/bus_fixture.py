"""The bus of a test: in memory, drained on demand, with everything else real."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from events import bus as publishing
from events import relay, transport
from events.bus import PublishResult
from events.conf import bus_settings
from events.envelope import Event
from events.groups import Group, groups, set_up
from events.models import DeadLetter, StoredEvent
from events.transport.base import Transport
from events.transport.memory import Clock, MemoryBus, open_transport
from events.worker import Worker

LANES_END_WITHIN_S = 20


@dataclass
class Bus:
    """A memory bus with the declared groups on it."""

    transport: Transport
    memory: MemoryBus
    groups: Sequence[Group] = field(default_factory=groups)

    @property
    def clock(self) -> Clock:
        return self.memory.clock

    def publish(self, *events: Event) -> PublishResult:
        return publishing.publish(*events)

    def drain(self, groups: Sequence[Group] | None = None) -> int:
        """Run all groups until nothing is left to do now; how many deliveries that were."""
        return Worker(list(groups or self.groups)).run_once()

    def events(self, event_type: str | None = None) -> list[Event]:
        """What is stored, in order; of one type if given."""
        rows = StoredEvent.objects.order_by("seq")
        chosen = rows.filter(event_type=event_type) if event_type else rows
        return [row.event for row in chosen]

    def dead_letters(self) -> list[DeadLetter]:
        return list(DeadLetter.objects.order_by("pk"))


@pytest.fixture
def bus(transactional_db: None) -> Iterator[Bus]:
    """A fresh memory bus with every declared group, and the SQL database emptied afterwards."""
    opened = open_transport(bus_settings())
    memory = opened.streams
    assert isinstance(memory, MemoryBus)
    relay.reopen()
    with transport.using(opened):
        set_up(opened.streams)
        yield Bus(opened, memory)
        _await_lanes()


def _await_lanes() -> None:
    """A lane that was left behind ends before its tables are emptied and its bus is gone."""
    for thread in threading.enumerate():
        if thread.name.startswith("lane "):
            thread.join(LANES_END_WITHIN_S)
            assert not thread.is_alive(), f"{thread.name} has not ended"
