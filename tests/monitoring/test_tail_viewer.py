"""What one socket is sent, and what it is told was left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from events import BusUnavailable
from monitoring import tail_viewer
from monitoring.tail import MOST_FRAMES, BusNews, Follows, Frame, Listener, TailHub
from monitoring.tail_rows import Filled, TailQuery
from monitoring.tail_viewer import Message, Viewer

QUERY = TailQuery(domain=("trading",))


class Hub(TailHub):
    """Keeps its listeners and starts no thread."""

    def join(self, listener: Listener) -> None:
        self._listeners.add(listener)


class Tab:
    """A socket that a test may hold up."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.open = asyncio.Event()
        self.open.set()
        self.sent = asyncio.Event()
        self.hub = Hub()
        self.viewer = Viewer(QUERY, self.hub, self.send)
        self.viewer.start_after(None)

    async def send(self, message: Message) -> None:
        await self.open.wait()
        self.got.append(message)
        self.sent.set()

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.sent.clear()
            await asyncio.wait_for(self.sent.wait(), 5)

    def rows(self) -> list[Message]:
        return [message for message in self.got if message["kind"] == "rows"]

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def counters(self) -> dict[str, Any]:
        counters: dict[str, Any] = [m for m in self.got if "counters" in m][-1]["counters"]
        return counters


@pytest_asyncio.fixture
async def tab() -> AsyncIterator[Tab]:
    made = Tab()
    running = asyncio.create_task(made.viewer.run())
    await made.settle()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def frame(rows: int = 1, matched: int | None = None, at_ms: int = 5_000) -> Frame:
    matched = rows if matched is None else matched
    html = "<tr data-row></tr>" * rows
    return Frame(html, rows, at_ms, at_ms + rows, matched, matched, per_s=float(matched))


async def test_rows_are_passed_on_with_the_counters(tab: Tab) -> None:
    tab.viewer.hear(frame(rows=2))
    await tab.settle()

    (message,) = tab.rows()
    assert (message["count"], message["until"]) == (2, 5_002)
    assert message["counters"] == {
        "received": 2, "matched": 2, "shown": 2, "skipped": 0, "held": 0, "per_s": 2.0,
    }  # fmt: skip


async def test_what_a_frame_leaves_out_is_a_gap_below_its_rows_that_can_be_filled(tab: Tab) -> None:
    tab.viewer.hear(frame(rows=1, at_ms=5_000))
    tab.viewer.hear(frame(rows=2, matched=1_206, at_ms=9_000))
    await tab.settle()

    html = tab.rows()[-1]["html"].replace("\u202f", "'")
    assert html.index("data-row") < html.index("1'204 skipped at 1'206/s")
    assert "/live/gap/?domain=trading&amp;after=5001&amp;before=9000&amp;count=1204" in html
    assert tab.counters["skipped"] == 1_204


async def test_a_slow_socket_is_skipped_not_queued(tab: Tab) -> None:
    tab.open.clear()
    for number in range(MOST_FRAMES + 5):
        tab.viewer.hear(frame(rows=1, at_ms=5_000 + 10 * number))
        await tab.settle()
    tab.open.set()
    await tab.settle()
    tab.viewer.hear(frame(rows=1, at_ms=9_000))
    await tab.settle()

    assert len(tab.rows()) == 1 + MOST_FRAMES + 1
    assert "4 skipped" in tab.rows()[-1]["html"]
    assert tab.counters["matched"] == tab.counters["shown"] + tab.counters["skipped"]


async def test_while_paused_it_counts_and_shows_nothing(tab: Tab) -> None:
    tab.viewer.pause()
    tab.viewer.hear(frame(rows=3, matched=30))
    await tab.settle()

    assert tab.rows() == []
    assert (tab.counters["held"], tab.counters["matched"]) == (30, 30)


async def test_resuming_shows_what_came_meanwhile_before_what_comes_next(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def filled(query: TailQuery, after: int, before: int | None, count: int) -> Filled:
        asked.append((query, after, before, count))
        return Filled("<tr>missed</tr>", rows=3, until_ms=6_000, left=0)

    monkeypatch.setattr(tail_viewer, "filled", filled)
    tab.viewer.hear(frame(rows=1, at_ms=5_000))
    await tab.settle()
    tab.viewer.pause()
    tab.viewer.hear(frame(rows=3, at_ms=5_500))

    tab.viewer.resume()
    tab.viewer.hear(frame(rows=1, at_ms=7_000))
    await tab.until(lambda: len(tab.rows()) == 3)

    assert asked == [(QUERY, 5_001, None, 3)]
    assert [message["until"] for message in tab.rows()] == [5_001, 6_000, 7_001]
    assert tab.counters == {
        "received": 5, "matched": 5, "shown": 5, "skipped": 0, "held": 0, "per_s": 1.0,
    }  # fmt: skip


async def test_what_does_not_fit_when_resuming_counts_as_skipped(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_viewer, "filled", lambda *_: Filled("", 200, 6_000, left=100))
    tab.viewer.pause()
    tab.viewer.hear(frame(rows=3, matched=300))

    tab.viewer.resume()
    await tab.until(tab.rows)

    assert (tab.counters["shown"], tab.counters["skipped"]) == (200, 100)


async def test_a_bus_that_is_away_when_resuming_becomes_a_gap_later(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def filled(*_: object) -> Filled:
        raise BusUnavailable("refused")

    monkeypatch.setattr(tail_viewer, "filled", filled)
    tab.viewer.pause()
    tab.viewer.hear(frame(rows=3, matched=7))
    tab.viewer.resume()
    await tab.until(lambda: {"kind": "bus", "reason": "refused"} in tab.got)

    tab.viewer.hear(frame(rows=1, at_ms=9_000))
    await tab.settle()

    assert "7 skipped" in tab.rows()[-1]["html"]


async def test_what_the_page_does_not_have_yet_comes_once_nothing_more_is_missed(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_viewer, "filled", lambda *_: Filled("<tr></tr>", 1, 6_000, left=0))
    tab.viewer.start_after(4_000)
    await tab.settle()
    assert tab.rows() == []

    tab.viewer.hear(Follows())
    tab.viewer.hear(Follows())
    await tab.until(tab.rows)

    assert [message["until"] for message in tab.rows()] == [6_000]
    assert tab.counters["shown"] == 0


async def test_news_of_the_bus_are_passed_on(tab: Tab) -> None:
    tab.viewer.hear(BusNews("refused"))
    await tab.settle()

    assert {"kind": "bus", "reason": "refused"} in tab.got


async def test_leaving_ends_the_delivery(tab: Tab) -> None:
    assert tab.hub.listeners()
    tab_task = next(t for t in asyncio.all_tasks() if "Viewer.run" in repr(t.get_coro()))
    tab_task.cancel()
    await tab.settle()

    assert not tab.hub.listeners()
