"""Take the pictures of the README: ``python -m tests.browser.screenshots``.

Starts a console of its own with a simulated market, publishes the second chain of `docs/chains`,
waits until there is something to see, and writes into `docs/images`. With ``--url`` and
``--password`` it takes them of a console that runs already, as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from tests.chromium import chromium
from tests.running_console import ROOT, RunningConsole, running_console
from tests.waiting import eventually

IMAGES = ROOT / "docs" / "images"
CHAINS = ROOT / "docs" / "chains"
SIZE = ViewportSize(width=1440, height=900)
PASSWORD = "only for pictures"
PICTURES = {
    "overview": "/",
    "live": "/live/",
    "chain": "/chains/{chain}/",
}


def main() -> int:
    """Write the pictures; 0 when all were taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a console that runs; one is started otherwise")
    parser.add_argument("--password", default=PASSWORD, help="of its user admin")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder of the pictures")
    parser.add_argument("--minutes", type=int, default=3, help="of measurements to wait for")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    chain_id = chain_of("second")
    with console_at(given.url) as url, chromium() as browser:
        page = browser.new_page(viewport=SIZE, base_url=url)
        sign_in(page, given.password)
        longest_s = 60 * given.minutes + 60
        eventually(lambda: trend_is_drawn(page, given.minutes), longest_s, what="a trend")
        for name, address in PICTURES.items():
            page.goto(address.format(chain=chain_id))
            page.wait_for_selector("[data-live-word]:text-is('live')")
            if name == "live":
                choose_an_event(page)
            page.screenshot(path=given.to / f"{name}.png")
            sys.stdout.write(f"{name}.png\n")
    return 0


@contextmanager
def console_at(url: str | None) -> Iterator[str]:
    """The address of the console given, or of one that ends with the pictures."""
    if url:
        yield url
        return
    faults = "reject:0.001,retry:0.01"
    with running_console(ADMIN_PASSWORD=PASSWORD, SIMULATE="6", ASTRA_FAULTS=faults) as console:
        for name in ("prepare-second", "second"):
            publish(console, name)
        yield console.url


def publish(console: RunningConsole, name: str) -> None:
    """Publish a chain of the documentation and wait until it has no step to come."""
    run(console, "publish", "--file", str(CHAINS / f"{name}.ndjson"))
    eventually(lambda: is_complete(console, chain_of(name)), 30, what=f"the chain of {name}")


def is_complete(console: RunningConsole, chain_id: str) -> bool:
    """Whether every group that reads a step of the chain is done with it."""
    chain = run(console, "chain", chain_id, "--json")
    return bool(chain) and bool(json.loads(chain)["complete"])


def run(console: RunningConsole, *words: str) -> str:
    """One command of the console's; what it printed."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "astra_console.settings",
        "ASTRA_TRANSPORT": "redis",
        "DATA_DIR": str(console.data_dir),
        "PORT": str(console.port),
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return ran.stdout


def chain_of(name: str) -> str:
    """The correlation id of the trade in a file."""
    trade: dict[str, str] = json.loads((CHAINS / f"{name}.ndjson").read_text().splitlines()[0])
    return trade.get("correlation_id", trade["event_id"])


def sign_in(page: Page, password: str) -> None:
    """Through the form, as anybody."""
    page.goto("/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", password)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("#main")


def choose_an_event(page: Page) -> None:
    """Let a screenful of rows come in, then open one of them beside the others."""
    page.wait_for_selector(
        "[data-count=shown]:text-matches('^([2-9][0-9]|[1-9][0-9]{2,})')", timeout=60_000
    )
    page.click("button:text-is('Pause')")
    page.locator("#tail-rows a", has_text="RevenueRecorded").first.click()
    page.wait_for_selector("#side .steps")
    page.mouse.move(400, 20)


def trend_is_drawn(page: Page, minutes: int) -> bool:
    """Whether the overview's lines cover the minutes they should."""
    page.goto("/")
    title = page.locator("#overview-figures svg title").first
    text = (title.text_content() or "") if title.count() else ""
    return any(f"last {drawn}\u00a0min" in text for drawn in range(minutes, 61))


if __name__ == "__main__":
    sys.exit(main())
