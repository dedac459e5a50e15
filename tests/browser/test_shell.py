"""Signing in, the shell, theme and keyboard, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, sign_in
from tests.waiting import eventually

PAGES = (
    "/", "/live/", "/events/", "/streams/", "/groups/", "/workers/", "/dead-letters/", "/registry/",
)  # fmt: skip


def theme(page: Page) -> str | None:
    found: str | None = page.evaluate("document.documentElement.dataset.theme ?? null")
    return found


def test_signing_in_leads_to_the_page_one_wanted(open_anonymous: Opened) -> None:
    page = open_anonymous("/groups/")
    assert page.url.endswith("/login/?next=/groups/")

    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "wrong")
    page.press("[name=password]", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def test_signing_out_in_one_tab_ends_what_is_live_in_another(open_anonymous: Opened) -> None:
    first = open_anonymous()
    sign_in(first)
    second = first.context.new_page()
    second.goto("/")
    expect(second.locator("[data-live-word]")).to_have_text("live")

    first.click("[data-menu] summary")
    first.click("button:has-text('Sign out')")

    expect(second.locator("[data-live-word]")).to_have_text("signed out", timeout=2_000)


def test_the_theme_is_that_of_the_system_until_one_chooses(open_page: Opened) -> None:
    page = open_page("/", color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.click("[data-theme-form] button")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (theme(page), dark != light) == ("light", True)
    eventually(lambda: "astra_theme" in {c["name"] for c in page.context.cookies()})
    answer = page.goto("/live/")

    assert answer is not None
    assert 'data-theme="light"' in answer.text()


def test_the_keyboard_reaches_search_pages_rows_and_its_own_list(open_page: Opened) -> None:
    page = open_page("/")

    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("g")
    page.wait_for_url("**/groups/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("[data-row]").nth(1)
    expect(second).to_have_class(re.compile("here"))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups/*/")


def test_the_search_takes_an_id_to_its_page(open_page: Opened) -> None:
    page = open_page("/")

    page.fill("[data-search]", "revenue_trackers")
    page.press("[data-search]", "Enter")

    page.wait_for_url("**/groups/revenue_trackers/")


@pytest.mark.parametrize("address", PAGES)
def test_a_page_works_without_scripts(open_page: Opened, address: str) -> None:
    page = open_page(address, java_script_enabled=False)

    assert page.locator("h1").count() == 1
    assert page.locator("[data-live-state]").is_hidden()


@pytest.mark.parametrize("width", [761, 900, 1100, 1101])
def test_the_search_keeps_its_room_in_a_narrow_window(open_page: Opened, width: int) -> None:
    page = open_page("/", viewport={"width": width, "height": 700})
    expect(page.locator("[data-live-word]")).to_have_text("live")

    page.locator("[data-live-toggle]").first.click()
    expect(page.locator("[data-live-word]")).to_contain_text("paused since")

    assert page.evaluate("document.querySelector('.search').offsetWidth") >= 200
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("address", PAGES)
def test_nothing_is_cut_off_on_a_telephone(open_page: Opened, address: str) -> None:
    page = open_page(address, viewport={"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address", ["/", "/live/", "/streams/", "/groups/", "/dead-letters/", "/registry/"]
)
def test_every_text_stands_out_from_its_ground(
    open_page: Opened, address: str, scheme: Any
) -> None:
    page = open_page(address, color_scheme=scheme)

    assert page.evaluate(CONTRAST) == []


def test_a_first_load_is_small_and_scripts_of_ours_are_smaller(open_page: Opened) -> None:
    page = open_page("")  # nothing that another page still loads may be counted
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}

    def began(event: Any) -> None:
        addresses[event["requestId"]] = event["response"]["url"]

    def ended(event: Any) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    wire.on("Network.responseReceived", began)
    wire.on("Network.loadingFinished", ended)

    page.goto("/", wait_until="load")

    ours = [size for key, size in sizes.items() if "/static/js/" in addresses[key]]
    assert sum(sizes.values()) <= 120_000
    assert 0 < sum(ours) <= 15_000
