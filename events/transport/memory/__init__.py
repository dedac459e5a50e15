"""The bus in this process's memory: for tests, and for running without any server.

Keeps the same contract as the Redis one; its clock can be moved, so that tests need not wait.
"""

from __future__ import annotations

from events.conf import BusSettings
from events.transport.base import Transport
from events.transport.memory.inspector import MemoryInspector
from events.transport.memory.mending import MemoryMending
from events.transport.memory.moving import MemoryMoving
from events.transport.memory.presence import MemoryPresence
from events.transport.memory.state import Clock
from events.transport.memory.streams import MemoryStreams

__all__ = ["Clock", "MemoryBus", "open_transport"]


class MemoryBus(MemoryStreams, MemoryPresence, MemoryInspector, MemoryMending, MemoryMoving):
    """All contracts in one object."""


def open_transport(settings: BusSettings) -> Transport:
    """A fresh bus, empty."""
    bus = MemoryBus(settings)
    return Transport(
        streams=bus,
        leases=bus,
        presence=bus,
        inspector=bus,
        mending=bus,
        moving=bus,
        name="memory",
        shared=False,
    )
