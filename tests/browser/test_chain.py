"""The page of a chain in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, Publisher
from tests.waiting import eventually


@pytest.fixture
def traded(publisher: Publisher) -> str:
    """The id of a trade that gives 15 XP, just published."""
    return publisher.trade(value="1500.00")


def chain_of(open_page: Opened, event_id: str) -> Page:
    """The open page of a chain that was published a moment ago."""
    page = open_page("/events/")

    def is_there() -> bool:
        answer = page.goto(f"/chains/{event_id}/")
        return answer is not None and answer.ok

    eventually(is_there, what="the trade is stored")
    return page


def test_one_trade_is_followed_through_the_domains(open_page: Opened, traded: str) -> None:
    page = chain_of(open_page, traded)

    expect(page.locator("#chain .facts")).to_contain_text("complete")
    tree = page.locator(".tree")
    for said in ("+15 XP", "trade share", "influence 5", "1.50 USD"):
        expect(tree).to_contain_text(said)


def test_an_open_page_completes_by_itself_and_then_asks_no_more(
    open_page: Opened, traded: str
) -> None:
    page = chain_of(open_page, traded)

    expect(page.locator("#chain .facts")).to_contain_text("complete")

    expect(page.locator("#chain[hx-trigger]")).to_have_count(0)


def test_a_row_opens_to_what_every_group_did(open_page: Opened, traded: str) -> None:
    page = chain_of(open_page, traded)
    expect(page.locator("#chain .facts")).to_contain_text("complete")

    row = page.locator(f"#step-{traded}")
    row.locator("summary .says").click()

    expect(row.locator(".reads")).to_contain_text("revenue_trackers")
    expect(row.locator(".reads .status.ok").first).to_be_visible()


def test_it_works_without_javascript(open_page: Opened, traded: str) -> None:
    chain_of(open_page, traded)
    page = open_page(f"/chains/{traded}/", java_script_enabled=False)

    page.locator(f"#step-{traded} summary .says").click()

    expect(page.locator(f"#step-{traded} .reads")).to_contain_text("revenue_trackers")


@pytest.mark.parametrize("width", [1440, 900, 390])
def test_no_width_makes_the_page_scroll_sideways(
    open_page: Opened, traded: str, width: int
) -> None:
    chain_of(open_page, traded)
    page = open_page(f"/chains/{traded}/", viewport={"width": width, "height": 800})

    for path in ("", "/events/", f"/events/{traded}/", "/dead-letters/", "/groups/", "/registry/"):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_is_only_text(open_page: Opened, publisher: Publisher) -> None:
    hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7 * 7 }}'
    data = {"token_id": "t-1", "user_id": 1, "collection": hostile, "name": hostile}
    event_id = publisher.say("NFT.NFTMinted", **data)
    page = chain_of(open_page, event_id)

    for path in ("/events/", f"/chains/{event_id}/?tab=json", f"/events/{event_id}/"):
        page.goto(path)
        expect(page.locator("#main")).to_contain_text("NFTMinted")

    expect(page.locator("#payload")).to_contain_text("onerror=alert(1)")


def test_the_keyboard_opens_rows(open_page: Opened, traded: str) -> None:
    page = chain_of(open_page, traded)
    expect(page.locator("#chain .facts")).to_contain_text("complete")

    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/events/{traded}/")
