"""One viewer of the tail: what its socket is sent, in order, and what it is not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async

from events import BusUnavailable
from events.queries.tail import now_ms
from monitoring.tail import MOST_FRAMES, BusNews, Frame, Listener, News, TailHub
from monitoring.tail_rows import TailQuery, filled, gap_row

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """To be read from the bus before what comes next: everything after `after_ms`."""

    after_ms: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame to be sent; before it, `lost` events were skipped because the socket was slow."""

    frame: Frame
    lost: int


@dataclass
class Counters:
    """What the viewer is told of itself."""

    received: int = 0
    matched: int = 0
    shown: int = 0
    skipped: int = 0
    held: int = 0
    """Came while paused; read from the bus on resuming."""
    per_s: float = 0.0

    def heard(self, frame: Frame) -> None:
        """Count what happened on the bus."""
        self.received += frame.received
        self.matched += frame.matched
        self.per_s = frame.per_s

    def as_message(self) -> Message:
        """As the script reads it."""
        return {**vars(self), "per_s": round(self.per_s, 1)}


@dataclass(eq=False)
class Viewer:
    """Everything here runs on the event loop of its socket."""

    query: TailQuery
    hub: TailHub
    send: Send
    last_ms: int = 0
    """Time of the newest row sent; to begin with, of the newest the page has."""
    fill_first: bool = False
    """Begin with what came between the page and this socket."""
    paused: bool = False
    counters: Counters = field(default_factory=Counters)
    _next: deque[Rows | Stretch | BusNews] = field(default_factory=deque)
    _lost: int = 0
    """Skipped since the last frame that was taken."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Pass on what the tail brings, until cancelled."""
        listener = Listener(self.query, asyncio.get_running_loop(), self.hear)
        self.hub.join(listener)
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not self._next:
                    await self.send({"kind": "counters", "counters": self.counters.as_message()})
                while self._next:
                    await self._pass_on(self._next.popleft())
        finally:
            self.hub.leave(listener)

    def start_after(self, after_ms: int | None) -> None:
        """Begin with what came after the last row the page has; from now on without one."""
        self.last_ms = after_ms or now_ms()
        self.fill_first = bool(after_ms)

    def pause(self) -> None:
        """Show nothing more; go on counting. The stream keeps what is not shown."""
        self.paused = True

    def resume(self) -> None:
        """Show what came meanwhile, then go on."""
        if self.paused:
            self.paused = False
            self._next.append(Stretch(self.last_ms, self.counters.held))
            self._wake.set()

    def hear(self, what: News) -> None:
        """Take what the reading thread delivers; never waits."""
        if isinstance(what, Frame):
            self._hear_frame(what)
        elif isinstance(what, BusNews):
            self._next.append(what)
        elif self.fill_first and not self.paused:
            self.fill_first = False
            self._next.append(Stretch(self.last_ms))
        self._wake.set()

    def _hear_frame(self, frame: Frame) -> None:
        self.counters.heard(frame)
        if self.paused:
            self.counters.held += frame.matched
        elif len(self._next) >= MOST_FRAMES:
            self._lost += frame.matched
            self.counters.skipped += frame.matched
        elif frame.matched:
            self._next.append(Rows(frame, self._lost))
            self._lost = 0

    async def _pass_on(self, what: Rows | Stretch | BusNews) -> None:
        if isinstance(what, Rows):
            await self._show(what.frame, what.lost)
        elif isinstance(what, Stretch):
            await self._fill(what)
        else:
            await self.send({"kind": "bus", "reason": what.reason})

    async def _show(self, frame: Frame, lost: int) -> None:
        skipped = frame.matched - frame.rows
        hole = skipped + lost
        self.counters.skipped += skipped
        self.counters.shown += frame.rows
        end_ms = frame.first_ms or now_ms()
        gap = gap_row(self.query, self.last_ms, end_ms, hole, frame.per_s) if hole else ""
        self.last_ms = frame.last_ms or end_ms
        await self._send_rows(frame.html + gap, frame.rows)

    async def _fill(self, stretch: Stretch) -> None:
        try:
            found = await sync_to_async(filled, thread_sensitive=False)(
                self.query, stretch.after_ms, None, stretch.count
            )
        except BusUnavailable as error:
            await self.send({"kind": "bus", "reason": str(error)})
            self.counters.held = 0
            self.counters.skipped += stretch.count
            self._lost += stretch.count
            return
        # Of rows that came before this socket did, `matched` knows nothing either.
        self.counters.held = 0
        self.counters.shown += min(found.rows, stretch.count)
        self.counters.skipped += max(0, stretch.count - found.rows)
        self.last_ms = found.until_ms
        await self._send_rows(found.html, found.rows)

    async def _send_rows(self, html: str, count: int) -> None:
        await self.send(
            {
                "kind": "rows",
                "html": html,
                "count": count,
                "until": self.last_ms,
                "counters": self.counters.as_message(),
            }
        )
