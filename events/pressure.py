"""Whether the bus has room for more: the server's memory, and how far its groups are behind."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from events import transport
from events.conf import bus_settings
from events.transport.base import Inspector, ServerInfo, StreamInfo, Transport

MEMORY_SHARE = 0.8
"""Above this share of its memory limit a server is given no more: the rest is for retries, and for
what is under way."""

READ_EVERY_S = 0.5
"""A reading serves this long: at 100 000 events a second one costs nothing and sees 50 000."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Why the bus should be given no more, as sentences; empty where it may be."""

    memory: str = ""
    """Holds for every stream."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """Streams that a group is too far behind on."""

    def on(self, stream: str) -> str:
        """Why this stream should be given no more."""
        return self.memory or self.streams.get(stream, "")

    @property
    def reason(self) -> str:
        """The first reason there is, for any stream."""
        return self.memory or next(iter(self.streams.values()), "")


def short_of_memory(server: ServerInfo) -> str:
    """A sentence when the server is above its share; empty when it has room or no limit."""
    if not server.max_memory_bytes:
        return ""
    share = server.used_memory_bytes / server.max_memory_bytes
    if share <= MEMORY_SHARE:
        return ""
    return (
        f"the bus server uses {share:.0%} of its maxmemory, above {MEMORY_SHARE:.0%} nothing is "
        "added: let the workers finish and the janitor trim, or raise maxmemory"
    )


def too_far_behind(stream: StreamInfo, cap: int) -> str:
    """A sentence when a group has more than `cap` entries of the stream before it.

    A group of which the server cannot tell how far it is counts what it holds unfinished.
    """
    for group in stream.groups:
        backlog = (group.lag or 0) + group.pending
        if cap and backlog > cap:
            return (
                f"{group.name} is {backlog:,} entries behind on {stream.name}, more than "
                f"{cap:,}: start more of its workers, or raise ASTRA_BACKLOG_CAP"
            )
    return ""


def too_much(server: ServerInfo | None, streams: Mapping[str, StreamInfo]) -> Pressure:
    """What a reading of the server says; nothing where there is none."""
    cap = bus_settings().backlog_cap
    sentences = {name: too_far_behind(info, cap) for name, info in streams.items()}
    return Pressure(
        memory=short_of_memory(server) if server else "",
        streams={name: sentence for name, sentence in sentences.items() if sentence},
    )


def read(inspector: Inspector, streams: Collection[str]) -> Pressure:
    """Ask the server: two round trips."""
    found = inspector.streams(sorted(streams)) if streams and bus_settings().backlog_cap else {}
    return too_much(inspector.server(), found)


class Gauge:
    """The latest reading, for those who would ask before every batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bus: Transport | None = None
        self._read_at: dict[str, float] = {}
        self._latest = Pressure()

    def latest(self) -> Pressure:
        """What was read last, however old; asks nobody."""
        return self._latest if self._bus is transport.hasty() else Pressure()

    def pressure(self, streams: Collection[str]) -> Pressure:
        """A reading no older than READ_EVERY_S; raises BusUnavailable when none can be had.

        One thread asks at a time, the others go by the reading before.
        """
        bus = transport.hasty()
        since = time.monotonic() - READ_EVERY_S
        if bus is self._bus and all(self._read_at.get(name, -math.inf) > since for name in streams):
            return self._latest
        if not self._lock.acquire(blocking=False):
            return self.latest()
        try:
            self._ask(bus, streams, since)
        finally:
            self._lock.release()
        return self._latest

    def forget(self) -> None:
        """Ask anew next time."""
        self._bus, self._read_at, self._latest = None, {}, Pressure()

    def _ask(self, bus: Transport, streams: Collection[str], since: float) -> None:
        """Read these streams, and those read lately, so that one reading serves all callers."""
        if bus is not self._bus:
            self.forget()
        # Another five rounds: a stream nobody appends to any more is not asked for again.
        lately = {n for n, at in self._read_at.items() if at > since - 5 * READ_EVERY_S}
        names = {*streams, *lately}
        at = time.monotonic()
        self._latest = read(bus.inspector, names)
        self._read_at = dict.fromkeys(names, at)
        self._bus = bus


gauge = Gauge()
"""This process's own."""
