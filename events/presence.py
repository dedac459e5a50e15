"""How a process tells the others that it is alive."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from events import transport
from events.conf import bus_settings
from events.envelope import now
from events.transport.base import WorkerInfo


class Heartbeat:
    """One process's entry in presence, with its counters."""

    def __init__(self, kind: str, groups: Sequence[str] = ()) -> None:
        settings = bus_settings()
        self.name = process_name()
        self._every_s, self._ttl_s = settings.heartbeat_s, settings.presence_s
        self._last_beat = 0.0
        self._last_handled = 0
        at = now()
        self._info = WorkerInfo(
            name=self.name,
            kind=kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=settings.version,
            started_at=at,
            beat_at=at,
            groups=tuple(groups),
            faults=settings.faults if kind == "worker" else "",
        )

    def beat_if_due(
        self,
        *,
        in_flight: int = 0,
        handled: int = 0,
        retried: int = 0,
        dead: int = 0,
        draining: bool = False,
        breakers: Mapping[str, tuple[str, ...]] | None = None,
        paused: tuple[str, ...] = (),
    ) -> bool:
        """Send a heartbeat when one is due, the process begins to drain, a breaker or what is
        paused has changed; True if sent."""
        since_s = time.monotonic() - self._last_beat
        told = (self._info.draining, self._info.breakers, self._info.paused)
        if since_s < self._every_s and told == (draining, breakers or {}, paused):
            return False
        rate = (handled - self._last_handled) / since_s if self._last_beat else 0.0
        info = replace(
            self._info,
            beat_at=now(),
            in_flight=in_flight,
            handled=handled,
            retried=retried,
            dead=dead,
            rate_per_s=round(rate, 2),
            draining=draining,
            breakers=breakers or {},
            paused=paused,
        )
        transport.current().presence.beat(info, self._ttl_s)
        self._info, self._last_beat, self._last_handled = info, time.monotonic(), handled
        return True

    def leave(self) -> None:
        """Say that this process ends."""
        transport.current().presence.leave(self.name)


def process_name() -> str:
    """``host:pid:random``: new at every start, so that nobody inherits another's entries."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
