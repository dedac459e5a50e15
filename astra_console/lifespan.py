"""What lives as long as the web process: it offers itself for the periodic work.

So "no worker is alive" is noticed when no worker is alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from events.errors import BusUnavailable
from events.presence import Heartbeat
from events.scheduler import Scheduler

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Background:
    """The scheduler and the heartbeat of a web process."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._scheduler = Scheduler(self._stop)
        self._heartbeat = Heartbeat("web")
        self._beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._scheduler.start()
        self._beating.start()

    def stop(self) -> None:
        """Give the leases back and leave."""
        self._scheduler.stop()
        self._beating.join(timeout=5)

    def _beat(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self._heartbeat.beat_if_due()
            except BusUnavailable:
                continue  # the next second tries again; others see that it is not heard of
        try:
            self._heartbeat.leave()
        except BusUnavailable:
            return  # it is forgotten by itself


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI lifespan protocol (asgi.readthedocs.io, "Lifespan Protocol")."""
    background = Background()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            background.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await asyncio.to_thread(background.stop)
            await send({"type": "lifespan.shutdown.complete"})
            return
