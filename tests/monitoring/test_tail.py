"""The reading thread and its feeds, with a bus that a test moves by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest

from events import BusUnavailable
from events.envelope import Event
from events.queries.tail import Batch, Follower, Seen
from events.transport.base import TailEntry
from monitoring import tail
from monitoring.tail import BURST_ROWS, BusNews, Feed, Follows, Frame, Listener, News, TailHub
from monitoring.tail_rows import TailQuery
from tests.waiting import eventually

TRADES = "astra.trading.tradeexecuted.v1"
EVERYTHING = TailQuery()


def seen(at_ms: int = 1_000, sequence: int = 0, value: str = "1500.00") -> Seen:
    data = {"user_id": 1, "symbol": "STRK", "value": value}
    event = Event.new("Trading.TradeExecuted", data)
    entry = TailEntry(TRADES, f"{at_ms}-{sequence}", str(event.event_id), event.to_json())
    return Seen(entry)


def many(count: int, at_ms: int = 1_000) -> Batch:
    one = seen(at_ms)
    entries = [TailEntry(TRADES, f"{at_ms}-{n}", str(n), one.entry.body) for n in range(count)]
    return Batch(tuple(Seen(entry) for entry in entries))


def frame_of(feed: Feed, now: float) -> Frame:
    frame = feed.frame(now)
    assert frame is not None
    return frame


def test_a_few_events_are_a_frame_as_soon_as_one_may_be_sent() -> None:
    feed = Feed(EVERYTHING, now=0.0)
    feed.offer(Batch((seen(1_000), seen(2_000))))

    assert feed.frame(now=0.05) is None
    frame = frame_of(feed, now=0.1)

    assert (frame.rows, frame.matched, frame.received) == (2, 2, 2)
    assert (frame.first_ms, frame.last_ms) == (1_000, 2_000)
    assert frame.html.count("<tr") == 2


def test_rows_are_newest_first() -> None:
    feed = Feed(EVERYTHING, now=0.0)
    feed.offer(Batch((seen(1_000, value="1.00"), seen(2_000, value="2.00"))))

    html = frame_of(feed, now=1.0).html

    assert html.index("2.00") < html.index("1.00")


def test_what_the_filter_does_not_want_is_only_counted() -> None:
    feed = Feed(TailQuery(q="value>1000"), now=0.0)
    feed.offer(Batch((seen(value="10.00"), seen(value="2000.00"))))

    frame = frame_of(feed, now=1.0)

    assert (frame.received, frame.matched, frame.rows) == (2, 1, 1)


def test_a_flood_is_shown_once_a_second_and_the_rest_is_counted() -> None:
    feed = Feed(EVERYTHING, now=0.0)
    feed.offer(many(BURST_ROWS + 500))

    assert feed.frame(now=0.5) is None
    frame = frame_of(feed, now=1.0)

    assert frame.rows == tail.ROWS_PER_S
    assert frame.matched == BURST_ROWS + 500
    assert frame.per_s == pytest.approx(BURST_ROWS + 500)


def test_after_a_burst_the_allowance_grows_back() -> None:
    feed = Feed(EVERYTHING, now=0.0)
    feed.offer(many(BURST_ROWS))
    assert frame_of(feed, now=0.1).rows == BURST_ROWS

    feed.offer(many(10))
    assert feed.frame(now=0.2) is None

    assert frame_of(feed, now=0.4).rows == 10


def test_what_the_reader_jumped_over_counts_as_skipped() -> None:
    feed = Feed(TailQuery(domain=("trading",)), now=0.0)
    feed.offer(Batch((seen(),), missed={TRADES: 700, "astra.user.userregistered.v1": 5}))

    frame = frame_of(feed, now=1.0)

    assert (frame.received, frame.matched, frame.rows) == (706, 701, 1)


def test_counters_go_on_when_nothing_matches_and_fall_to_rest() -> None:
    feed = Feed(TailQuery(q="value>9999"), now=0.0)
    feed.offer(Batch((seen(),)))

    frame = frame_of(feed, now=1.0)

    assert (frame.received, frame.rows, frame.html) == (1, 0, "")
    assert feed.frame(now=5.0) is None


class Bus(Follower):
    """A follower that brings what a test puts in."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: SimpleQueue[Batch | Exception] = SimpleQueue()
        self.starts = 0

    def start(self) -> None:
        self.starts += 1

    def read(self, block_ms: int) -> Batch:
        try:
            batch = self.batches.get(timeout=min(block_ms, 50) / 1000)
        except Empty:
            return Batch()
        if isinstance(batch, Exception):
            raise batch
        return batch


class Viewers:
    """Listeners on an event loop that runs in a thread of its own."""

    def __init__(self, hub: TailHub) -> None:
        self.hub = hub
        self.loop = asyncio.new_event_loop()
        self.everything: list[News] = []
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._joined: list[Listener] = []

    @property
    def heard(self) -> list[Frame | BusNews]:
        return [news for news in self.everything if not isinstance(news, Follows)]

    def join(self, query: TailQuery = EVERYTHING) -> Listener:
        listener = Listener(query, self.loop, self.everything.append)
        self._joined.append(listener)
        self.hub.join(listener)
        return listener

    def close(self) -> None:
        for listener in self._joined:
            self.hub.leave(listener)
        eventually(lambda: not tail_threads())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def viewers(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Iterator[Viewers]:
    monkeypatch.setattr(tail, "PATIENCE_S", 0.05)
    made = Viewers(TailHub(lambda: bus))
    yield made
    made.close()


def tail_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tail"]


def test_the_thread_lives_from_the_first_viewer_to_the_last(bus: Bus, viewers: Viewers) -> None:
    first, second = viewers.join(), viewers.join()
    eventually(lambda: bus.starts == 1)
    assert len(tail_threads()) == 1

    viewers.hub.leave(first)
    assert viewers.hub.running
    viewers.hub.leave(second)

    assert not viewers.hub.running
    eventually(lambda: not tail_threads())


def test_every_viewer_is_told_when_nothing_more_is_missed(bus: Bus, viewers: Viewers) -> None:
    viewers.join()
    eventually(lambda: viewers.everything == [Follows()])

    viewers.join()

    eventually(lambda: viewers.everything == [Follows(), Follows()])


def test_one_rendering_serves_all_viewers_of_a_filter(bus: Bus, viewers: Viewers) -> None:
    viewers.join()
    viewers.join()
    bus.batches.put(Batch((seen(),)))

    eventually(lambda: len(viewers.heard) >= 2)

    first, second = viewers.heard[:2]
    assert first is second


def test_each_filter_gets_what_it_wants(bus: Bus, viewers: Viewers) -> None:
    viewers.join(TailQuery(q="value>1000"))
    viewers.join(TailQuery(domain=("nft",)))
    bus.batches.put(Batch((seen(value="2000.00"), seen(value="1.00"))))

    eventually(lambda: len(viewers.heard) >= 2)

    matched = sorted(frame.matched for frame in viewers.heard if isinstance(frame, Frame))
    assert matched[-2:] == [0, 1]


def test_a_bus_that_goes_away_is_said_once_and_waited_for(bus: Bus, viewers: Viewers) -> None:
    viewers.join()
    bus.batches.put(BusUnavailable("refused"))
    bus.batches.put(BusUnavailable("refused"))
    bus.batches.put(Batch((seen(),)))

    eventually(lambda: any(isinstance(heard, Frame) and heard.rows for heard in viewers.heard))

    news = [heard for heard in viewers.heard if isinstance(heard, BusNews)]
    assert news == [BusNews("refused"), BusNews("")]


def test_a_viewer_whose_loop_is_closed_is_forgotten(bus: Bus, viewers: Viewers) -> None:
    loop = asyncio.new_event_loop()
    gone = Listener(EVERYTHING, loop, viewers.everything.append)
    loop.close()
    viewers.hub.join(gone)
    bus.batches.put(Batch((seen(),)))

    eventually(lambda: not viewers.hub.running)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_says_so_and_the_next_viewer_starts_another(
    bus: Bus, viewers: Viewers
) -> None:
    viewers.join()
    bus.batches.put(ZeroDivisionError("a bug"))
    eventually(lambda: not viewers.hub.running)
    assert isinstance(viewers.heard[-1], BusNews)

    viewers.join()
    bus.batches.put(Batch((seen(),)))

    eventually(lambda: isinstance(viewers.heard[-1], Frame))
