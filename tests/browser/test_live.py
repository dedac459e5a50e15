"""The tail and the overview, live, in a real browser."""

from __future__ import annotations

import json
import os
import signal
import statistics
import time
from typing import Any
from uuid import uuid4

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Opened, Publisher
from tests.running_console import RunningConsole

WITHIN_S = 0.25
"""How soon the tail shows an event after it is published."""


TICK_MS = 20_000
"""Within this the overview was rendered anew: a tick is five seconds."""


def somebody() -> int:
    """A user nobody else uses."""
    return uuid4().int % 10**12 + 1


def tail_of(open_page: Opened, user_id: int, **options: Any) -> Page:
    """The live page, narrowed to one user, once it is live."""
    page = open_page(f"/live/?q=entity:{user_id}", **options)
    expect(page.locator("[data-live-word]")).to_have_text("live")
    return page


def row(page: Page, event_id: str) -> Locator:
    return page.locator(f"#tail-{event_id}")


def hide(page: Page, *, hidden: bool) -> None:
    """What a browser does when its tab goes to the back."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        f"Object.defineProperty(document, 'visibilityState', {{value: '{state}', "
        "configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def test_an_event_is_shown_within_a_quarter_of_a_second(
    open_page: Opened, publisher: Publisher
) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    page.evaluate(
        """() => {
          window.seen = {};
          new MutationObserver((changes) => {
            for (const change of changes) for (const part of change.addedNodes)
              if (part.id) window.seen[part.id] = Date.now() / 1000;
          }).observe(document.getElementById("tail-rows"), { childList: true });
        }"""
    )
    delays = []
    for _ in range(9):
        published_at = time.time()
        event_id = publisher.trade(user)
        expect(row(page, event_id)).to_be_attached()
        delays.append(page.evaluate(f"seen['tail-{event_id}']") - published_at)

    assert statistics.median(delays) <= WITHIN_S


def test_what_came_before_the_socket_is_there_and_nothing_twice(
    open_page: Opened, publisher: Publisher
) -> None:
    user = somebody()
    before = [publisher.trade(user) for _ in range(3)]
    page = open_page(f"/live/?q=entity:{user}")
    after = publisher.trade(user)

    for event_id in (*before, after):
        expect(row(page, event_id)).to_have_count(1)


def test_a_script_that_arrives_after_the_socket_is_open_misses_nothing(
    open_page: Opened, publisher: Publisher
) -> None:
    late: list[Route] = []
    user = somebody()
    page = open_page("/")
    page.route("**/js/tail*.js", lambda route: late.append(route))  # noqa: PLW0108  a builtin cannot be marked by it

    page.goto(f"/live/?q=entity:{user}", wait_until="commit")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    before = publisher.trade(user)
    late[0].continue_()
    expect(row(page, before)).to_be_visible()

    expect(row(page, publisher.trade(user))).to_be_visible()


def test_the_filter_in_the_address_is_the_filter_of_the_tail(
    open_page: Opened, publisher: Publisher
) -> None:
    user = somebody()
    page = open_page(f"/live/?q=entity:{user} value>5&domain=trading")
    expect(page.locator("[data-live-word]")).to_have_text("live")

    small, large = publisher.trade(user, "4.00"), publisher.trade(user, "6.00")

    expect(row(page, large)).to_be_visible()
    expect(row(page, small)).to_have_count(0)


def test_a_click_opens_the_event_beside_the_tail(open_page: Opened, publisher: Publisher) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    event_id = publisher.trade(user)

    row(page, event_id).locator("a").click()

    expect(page.locator("#side")).to_contain_text(event_id)
    assert page.url.endswith(f"entity:{user}")


def test_a_pause_loses_nothing(open_page: Opened, publisher: Publisher) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-live-word]")).to_contain_text("paused since")

    missed = [publisher.trade(user) for _ in range(3)]
    expect(page.locator("[data-held]")).to_contain_text("new while paused")
    expect(row(page, missed[0])).to_have_count(0)
    page.get_by_role("button", name="Resume").click()

    for event_id in missed:
        expect(row(page, event_id)).to_have_count(1)
    expect(page.locator("[data-held]")).to_be_hidden()


def test_nothing_moves_under_the_pointer(open_page: Opened, publisher: Publisher) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    first = publisher.trade(user)
    row(page, first).hover()

    second = publisher.trade(user)
    expect(page.locator("[data-held]")).to_contain_text("while you read")
    expect(row(page, second)).to_have_count(0)
    page.mouse.move(400, 20)

    expect(row(page, second)).to_be_visible()
    expect(page.locator("[data-held]")).to_be_hidden()


def test_a_tab_in_the_back_pauses_and_catches_up(open_page: Opened, publisher: Publisher) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    hide(page, hidden=True)
    expect(page.locator("[data-live-word]")).to_contain_text("paused")

    event_id = publisher.trade(user)
    expect(page.locator("[data-held]")).to_contain_text("new")
    hide(page, hidden=False)

    expect(row(page, event_id)).to_have_count(1)
    expect(page.locator("[data-live-word]")).to_have_text("live")


def test_what_a_flood_skips_is_a_gap_that_can_be_filled(
    open_page: Opened, publisher: Publisher
) -> None:
    user = somebody()
    page = open_page(f"/live/?q=entity:{user} type:TradeExecuted")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    published = [publisher.trade(user) for _ in range(300)]
    expect(page.locator("[data-count=matched]")).to_have_text("300", timeout=30_000)
    expect(row(page, published[-1])).to_be_visible()
    expect(page.locator(".gap").first).to_contain_text("skipped")

    page.get_by_role("button", name="Pause").click()
    while page.locator("[data-fill]").count():
        address = page.locator("[data-fill]").last.get_attribute("href")
        page.locator("[data-fill]").last.click()
        expect(page.locator(f"[data-fill][href='{address}']")).to_have_count(0)

    shown = set(page.eval_on_selector_all("#tail-rows [data-row]", "rows => rows.map(r => r.id)"))
    assert {f"tail-{event_id}" for event_id in published} <= shown


def test_hostile_payloads_are_text(open_page: Opened, publisher: Publisher) -> None:
    hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    user = somebody()
    page = tail_of(open_page, user)

    event_id = publisher.say(
        "Gamification.AchievementUnlocked", user_id=user, achievement="first", title=hostile
    )

    expect(row(page, event_id)).to_contain_text("<script>alert(2)</script>")
    row(page, event_id).locator("a").click()
    expect(page.locator("#side")).to_contain_text("onerror")


def test_personal_fields_never_reach_the_browser(open_page: Opened, publisher: Publisher) -> None:
    user, email = somebody(), f"ada.{uuid4().hex}@example.org"
    page = open_page(f"/live/?q=entity:{user}")
    frames: list[str] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda f: frames.append(str(f))))
    page.reload()
    expect(page.locator("[data-live-word]")).to_have_text("live")

    event_id = publisher.say("User.UserRegistered", user_id=user, username="ada", email=email)
    expect(row(page, event_id)).to_contain_text("masked")

    assert email not in page.content() + "".join(frames)


def test_an_idle_tab_stays_connected(open_page: Opened) -> None:
    page = open_page("/")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    with page.expect_websocket() as opened:
        page.reload()
    socket = opened.value

    # A fragment comes every five seconds; three waits are longer than any timeout of the layer.
    for _ in range(4):
        socket.wait_for_event("framereceived", lambda frame: "fragments" in str(frame))

    assert not socket.is_closed()
    expect(page.locator("[data-live-word]")).to_have_text("live")


def test_the_overview_moves_by_itself(open_page: Opened, publisher: Publisher) -> None:
    page = open_page("/")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    sentence = page.locator("#overview-sentence")
    expect(sentence).not_to_contain_text("Measuring", timeout=30_000)
    page.evaluate("document.getElementById('overview-figures').dataset.first = '1'")

    publisher.trade()

    expect(page.locator("#overview-figures[data-first]")).to_have_count(0, timeout=TICK_MS)
    expect(sentence).to_contain_text("events/s across", timeout=TICK_MS)


def test_a_row_of_the_overview_waits_while_somebody_reads_it(open_page: Opened) -> None:
    page = open_page("/")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    page.locator("#overview-groups tbody tr").first.hover()
    page.evaluate("document.getElementById('overview-groups').dataset.first = '1'")

    expect(page.locator("[data-live-word]")).to_contain_text("+1 new", timeout=TICK_MS)
    expect(page.locator("#overview-groups[data-first]")).to_have_count(1)
    page.mouse.move(400, 20)

    expect(page.locator("#overview-groups[data-first]")).to_have_count(0, timeout=TICK_MS)


def test_figures_that_no_news_reaches_are_not_shown_as_if_they_were_true(
    open_page: Opened, console: RunningConsole
) -> None:
    page = open_page("/")
    expect(page.locator("[data-live-word]")).to_have_text("live")
    expect(page.locator("#stale")).to_be_hidden()
    web = console.children()["web"]

    os.kill(web, signal.SIGSTOP)
    try:
        expect(page.locator("#stale")).to_be_visible(timeout=40_000)
        expect(page.locator("body")).to_have_attribute("data-stale", "")
    finally:
        os.kill(web, signal.SIGCONT)

    expect(page.locator("#stale")).to_be_hidden(timeout=40_000)


def test_a_web_process_that_dies_is_said_and_the_page_goes_on_by_itself(
    open_page: Opened, publisher: Publisher, console: RunningConsole
) -> None:
    user = somebody()
    page = tail_of(open_page, user)

    os.kill(console.children()["web"], signal.SIGKILL)
    expect(page.locator("[data-live-word]")).to_contain_text("disconnected since")
    missed = publisher.trade(user)

    expect(page.locator("[data-live-word]")).to_have_text("live", timeout=30_000)
    expect(row(page, missed)).to_have_count(1)


def test_a_bus_that_is_away_is_said_and_the_page_goes_on_by_itself(
    open_page: Opened, publisher: Publisher, console: RunningConsole
) -> None:
    user = somebody()
    page = tail_of(open_page, user)
    bus = console.children()["bus"]

    os.kill(bus, signal.SIGKILL)
    missed = publisher.trade(user)

    expect(row(page, missed)).to_have_count(1, timeout=30_000)
    expect(page.locator("[data-live-word]")).to_have_text("live", timeout=30_000)
    expect(page.locator("[data-away]")).to_be_hidden()
    assert json.loads(console.get("/health")[1])["checks"]["bus"]["status"] == "ok"
