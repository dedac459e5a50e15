"""A real browser for tests: Playwright's own Chromium, or else the system's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, closed at the end; skips the test by name where there is none.

    While it is open, Playwright's event loop runs in this thread: the ORM and `asyncio.run` refuse
    to work beside it. Hence a browser per test module, never one for the whole run.
    """
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        found = own if own.exists() else system_browser()
        if found is None:
            pytest.skip("there is no Chromium (make test installs one where it may)")
        browser = playwright.chromium.launch(executable_path=found)
        try:
            yield browser
        finally:
            browser.close()


def system_browser() -> Path | None:
    """The first Chromium in the PATH."""
    found = (shutil.which(name) for name in SYSTEM_NAMES)
    return next((Path(path) for path in found if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests; `browser.new_context()` gives each its own cookies."""
    with chromium() as opened:
        yield opened
