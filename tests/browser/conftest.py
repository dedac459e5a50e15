"""A real browser on a real console; every page is watched for what must never happen.

One console runs for all browser tests, without simulator and injected faults, with one group of
the tests' own that fails for as long as a file is there (`brittle`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chromium import browser
from tests.running_console import ROOT, RunningConsole, running_console
from tests.settings import OURS

__all__ = ["browser"]

PASSWORD = "a password for the tests"
SETTINGS = "tests.browser.settings"

Opened = Callable[..., Page]

expect.set_options(timeout=15_000)
"""What is late is told where lateness matters; a busy machine must not fail the rest."""


@dataclass
class Publisher:
    """`manage.py publish`, kept open: a line is an event on the bus at once."""

    process: subprocess.Popen[str]

    def say(self, event_type: str, event_id: str = "", **data: Any) -> str:
        """Publish one event; its id."""
        event_id = event_id or str(uuid4())
        envelope = {"event_type": event_type, "data": data, "event_id": event_id}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(envelope) + "\n")
        self.process.stdin.flush()
        return event_id

    def trade(self, user_id: int = 0, value: str = "10.00") -> str:
        """A trade, of a new user unless one is given; 10.00 is too small for XP."""
        user_id = user_id or uuid4().int % 10**12 + 1
        return self.say("Trading.TradeExecuted", user_id=user_id, symbol="STRK", value=value)


@dataclass
class Watched:
    """A page, and what it did that it must not."""

    page: Page
    host: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.page.on("console", self._console)
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        # A socket that is cut and a page that answers 4xx are reported as errors, too.
        if message.type == "error" and "Security Policy" in message.text:
            self.faults.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self.host:
            self.faults.append(f"request to {request.url}")


@pytest.fixture(scope="session")
def broken_while(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is there, the brittle group fails."""
    return tmp_path_factory.mktemp("brittle") / "broken"


@pytest.fixture(scope="session")
def console(broken_while: Path) -> Iterator[RunningConsole]:
    """The console."""
    with running_console(
        DJANGO_SETTINGS_MODULE=SETTINGS,
        ADMIN_PASSWORD=PASSWORD,
        ASTRA_FAULTS="",
        BRITTLE_WHILE=str(broken_while),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def publisher(console: RunningConsole, broken_while: Path) -> Iterator[Publisher]:
    """Somebody who publishes."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "publish", "--file", "-"],
        env=variables(console, broken_while),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Publisher(process)


@pytest.fixture(scope="module")
def session_state(browser: Browser, console: RunningConsole) -> Any:
    """Cookies of an admin who signed in through the form."""
    with browser.new_context(base_url=console.url) as context:
        page = context.new_page()
        sign_in(page)
        return context.storage_state()


@pytest.fixture
def open_anonymous(browser: Browser, console: RunningConsole) -> Iterator[Opened]:
    """Open pages nobody is signed in to."""
    with pages(browser, console) as open_page:
        yield open_page


@pytest.fixture
def open_page(open_anonymous: Opened, session_state: Any) -> Opened:
    """Open pages as the admin."""

    def open_signed_in(address: str, **options: Any) -> Page:
        return open_anonymous(address, **{"storage_state": session_state, **options})

    return open_signed_in


def variables(console: RunningConsole, broken_while: Path) -> dict[str, str]:
    """What a command needs to work on this console's data."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return kept | {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "ASTRA_TRANSPORT": "redis",
        "DATA_DIR": str(console.data_dir),
        "PORT": str(console.port),
        "BRITTLE_WHILE": str(broken_while),
        "LOG_LEVEL": "ERROR",
    }


def sign_in(page: Page, user: str = "admin", password: str = PASSWORD) -> None:
    """Fill in the form and go on."""
    page.goto("/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", password)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("#main")


@contextmanager
def pages(browser: Browser, console: RunningConsole) -> Iterator[Opened]:
    """Open pages in contexts of their own; at the end, none may have done what it must not."""
    contexts: list[BrowserContext] = []
    watched: list[Watched] = []

    def open_page(address: str = "", **options: Any) -> Page:
        context = browser.new_context(base_url=console.url, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        watched.append(Watched(page, urlsplit(console.url).netloc))
        watched[-1].watch()
        if address:
            page.goto(address)
        return page

    try:
        yield open_page
        assert [fault for each in watched for fault in each.faults] == []
    finally:
        for context in contexts:
            context.close()
