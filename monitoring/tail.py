"""The live tail of this process: one thread reads the bus for everybody who watches.

    TailHub     starts the thread with the first viewer and ends it with the last
    Feed        one per distinct filter: matches, counts, renders a frame once for all its viewers
    Viewer      one per socket, on the event loop: passes frames on, skips when the socket is slow

The thread never waits for a viewer. Rows beyond what a person can read are not rendered: they are
counted, and the range they lie in can be read again from the bus.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from events import BusUnavailable
from events.queries import tail
from events.queries.tail import Batch, Follower, Seen
from monitoring.tail_rows import TailQuery, rows

logger = logging.getLogger(__name__)

FRAME_S = 0.1
"""Frames of one feed are at least this far apart, in seconds."""

FLOOD_FRAME_S = 1.0
"""The same when more comes than is shown: rows that jump ten times a second cannot be read."""

ROWS_PER_S = 40
"""Rows shown per second when there are more."""

BURST_ROWS = 60
"""Rows that may be shown at once after a quiet time: what one trade causes comes whole."""

COUNT_EVERY_S = 1.0
"""Counters of a feed that shows no rows are sent this often, in seconds."""

REST_S = 0.04
"""Pause between reads that brought something: 25 reads a second instead of thousands."""

PATIENCE_S = 1.0
"""Longest wait for something to happen, and pause between attempts to reach the bus."""

MOST_FRAMES = 3
"""Frames that wait for a slow socket; the next one is skipped and counted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a feed gives all its viewers: rows (perhaps none) and what happened since the last."""

    html: str = ""
    rows: int = 0
    first_ms: int = 0
    last_ms: int = 0
    received: int = 0
    matched: int = 0
    per_s: float = 0.0
    """Matching events per second."""


@dataclass(frozen=True, slots=True)
class BusNews:
    """The bus went away (`reason` says how) or came back."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Follows:
    """From now on nothing is missed: what lies before may be read from the bus."""


class Feed:
    """One filter, watched by one viewer or many. Belongs to the reading thread."""

    def __init__(self, query: TailQuery, now: float) -> None:
        self.query = query
        self._filter = query.filter()
        self._streams = frozenset(s.name for s in self._filter.streams(tail.streams()))
        self._waiting: deque[Seen] = deque(maxlen=BURST_ROWS)
        self._waiting_count = 0
        self._received = 0
        self._matched = 0
        self._tokens = float(BURST_ROWS)
        self._refilled_at = self._framed_at = self._measured_at = now
        self._measured = 0
        self._per_s = 0.0

    def offer(self, batch: Batch) -> None:
        """Take what the filter wants of a batch; what was jumped over counts as skipped."""
        self._received += len(batch.entries) + sum(batch.missed.values())
        wanted = [seen for seen in batch.entries if self._filter.wants(seen, self._streams)]
        jumped = sum(count for name, count in batch.missed.items() if name in self._streams)
        self._waiting.extend(wanted)
        self._waiting_count += len(wanted) + jumped
        self._matched += len(wanted) + jumped
        self._measured += len(wanted) + jumped

    def due_in(self, now: float) -> float:
        """Seconds until there may be a frame."""
        since = now - self._framed_at
        if self._waiting_count:
            step = FRAME_S if self._waiting_count <= self._tokens else FLOOD_FRAME_S
            return max(0.0, step - since)
        if self._received or self._per_s:
            return max(0.0, COUNT_EVERY_S - since)
        return PATIENCE_S

    def frame(self, now: float) -> Frame | None:
        """The next frame, when it is time for one."""
        self._refill(now)
        if self.due_in(now) > 0 or not (self._waiting_count or self._received or self._per_s):
            return None
        self._measure(now)
        room = self._tokens if self._waiting_count <= self._tokens else ROWS_PER_S
        shown = list(self._waiting)[-int(room) :] if self._waiting_count else []
        self._tokens = max(0.0, self._tokens - len(shown))
        frame = Frame(
            html=rows(seen.line for seen in reversed(shown)),
            rows=len(shown),
            first_ms=shown[0].place[0] if shown else 0,
            last_ms=shown[-1].place[0] if shown else 0,
            received=self._received,
            matched=self._matched,
            per_s=self._per_s,
        )
        self._waiting.clear()
        self._waiting_count = self._received = self._matched = 0
        self._framed_at = now
        return frame

    def _refill(self, now: float) -> None:
        gained = (now - self._refilled_at) * ROWS_PER_S
        self._tokens = min(float(BURST_ROWS), self._tokens + gained)
        self._refilled_at = now

    def _measure(self, now: float) -> None:
        elapsed = now - self._measured_at
        if elapsed >= COUNT_EVERY_S:
            self._per_s = self._measured / elapsed
            self._measured, self._measured_at = 0, now


News = Frame | BusNews | Follows
Heard = Callable[[News], None]


@dataclass(eq=False, slots=True)
class Listener:
    """Where the thread delivers to: a function that is called on somebody's event loop."""

    query: TailQuery
    loop: asyncio.AbstractEventLoop
    hear: Heard


class TailHub:
    """All tails of this process."""

    def __init__(self, follower: Callable[[], Follower] = Follower) -> None:
        self._follower = follower
        self._lock = Lock()
        self._listeners: set[Listener] = set()
        self._reading: Reading | None = None

    def join(self, listener: Listener) -> None:
        """Begin to deliver to a listener; the first one starts the thread."""
        with self._lock:
            self._listeners.add(listener)
            follows = self._reading is not None and self._reading.started
            if self._reading is None:
                self._reading = Reading(self, self._follower())
                Thread(target=self._reading.run, name="tail", daemon=True).start()
        if follows:
            self.tell([listener], Follows())

    def leave(self, listener: Listener) -> None:
        """Deliver no more; the last one ends the thread."""
        with self._lock:
            self._listeners.discard(listener)
            if not self._listeners and self._reading is not None:
                self._reading.stop.set()
                self._reading = None

    @property
    def running(self) -> bool:
        """Whether somebody watches."""
        return self._reading is not None

    def listeners(self) -> dict[TailQuery, list[Listener]]:
        """Who watches, by what they want to see."""
        with self._lock:
            found: dict[TailQuery, list[Listener]] = {}
            for listener in self._listeners:
                found.setdefault(listener.query, []).append(listener)
            return found

    def ended(self, reading: Reading) -> None:
        """Called by a thread that ends: the next viewer starts another."""
        with self._lock:
            if self._reading is reading:
                self._reading = None

    def tell(self, listeners: list[Listener], what: News) -> None:
        """Deliver to listeners, each on its own loop; one whose loop is closed is forgotten."""
        for listener in listeners:
            try:
                listener.loop.call_soon_threadsafe(listener.hear, what)
            except RuntimeError:
                self.leave(listener)


@dataclass(eq=False)
class Reading:
    """One life of the reading thread."""

    hub: TailHub
    follower: Follower
    stop: Event = field(default_factory=Event)
    feeds: dict[TailQuery, Feed] = field(default_factory=dict)
    started: bool = False
    reachable: bool = True

    def run(self) -> None:
        """Read until stopped. A bus that goes away is waited for."""
        try:
            while not self.stop.is_set():
                try:
                    self._turn()
                except BusUnavailable as error:
                    self._lost(str(error))
        finally:
            if not self.stop.is_set():
                logger.error("the tail of this process ended")
                self._tell_all(BusNews("the tail of this process ended; reload the page"))
            self.hub.ended(self)

    def _turn(self) -> None:
        if not self.started:
            self.follower.start()
            self.started = True
            self._tell_all(Follows())
        batch = self.follower.read(block_ms=int(self._patience() * 1000))
        self._found()
        # After the read: who came while it waited must not miss what it brought.
        for query, listeners in self._match_feeds().items():
            feed = self.feeds[query]
            feed.offer(batch)
            frame = feed.frame(time.monotonic())
            if frame:
                self.hub.tell(listeners, frame)
        if batch.entries:
            self.stop.wait(REST_S)

    def _match_feeds(self) -> dict[TailQuery, list[Listener]]:
        """Let there be a feed for every query that is watched, and no other."""
        watched = self.hub.listeners()
        now = time.monotonic()
        self.feeds = {query: self.feeds.get(query) or Feed(query, now) for query in watched}
        return watched

    def _patience(self) -> float:
        now = time.monotonic()
        return min((feed.due_in(now) for feed in self.feeds.values()), default=PATIENCE_S)

    def _lost(self, reason: str) -> None:
        if self.reachable:
            self.reachable = False
            self._tell_all(BusNews(reason))
        self.stop.wait(PATIENCE_S)

    def _found(self) -> None:
        if not self.reachable:
            self.reachable = True
            self._tell_all(BusNews())

    def _tell_all(self, news: BusNews | Follows) -> None:
        for listeners in self.hub.listeners().values():
            self.hub.tell(listeners, news)


hub = TailHub()
"""The tails of this process; connects to nothing before somebody watches."""
