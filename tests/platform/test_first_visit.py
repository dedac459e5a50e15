"""The first minute of a new user: `up` printed an address, a name and a password."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running_console import RunningConsole, running_console


@pytest.fixture(scope="module")
def console() -> Iterator[RunningConsole]:
    with running_console() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test when anything on it was refused, missing or broken."""
    troubles: list[str] = []
    context = browser.new_context()
    opened = context.new_page()
    opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "response",
        lambda answer: (
            troubles.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
        ),
    )
    yield opened
    context.close()
    assert troubles == []


def sign_in(page: Page, console: RunningConsole) -> None:
    page.goto(console.url)
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(console.password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{console.url}/")


def test_the_printed_password_opens_the_console(page: Page, console: RunningConsole) -> None:
    sign_in(page, console)

    expect(page.locator("main")).to_be_visible()


def test_files_have_names_that_change_with_their_content(
    page: Page, console: RunningConsole
) -> None:
    sign_in(page, console)

    sheets = page.locator("link[rel=stylesheet]").evaluate_all("all => all.map(one => one.href)")

    assert sheets
    assert all(sheet.rsplit("/", 1)[-1].count(".") == 2 for sheet in sheets)


def test_the_live_connection_is_accepted_from_our_own_page(
    page: Page, console: RunningConsole
) -> None:
    with page.expect_websocket() as opened:
        sign_in(page, console)

    assert opened.value.url.startswith(f"ws://127.0.0.1:{console.port}/")
    assert not opened.value.is_closed()
