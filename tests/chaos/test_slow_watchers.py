"""Browsers that do not keep up with the tail: it costs them rows, and nobody else anything."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from monitoring.live import VIEWS
from tests.running_console import ROOT, RunningConsole, running_console
from tests.servers import tethered
from tests.settings import OURS

SLOW = 20
"""Sockets that are not read from."""

COUNT, RATE = 4_000, 60
"""Trades, and how many a second; each causes several events."""

MOST_GROWTH_BYTES = 60 * 1024 * 1024
"""What the web process may grow by while they do not read."""


@pytest.fixture
def console() -> Iterator[RunningConsole]:
    with running_console() as running:
        yield running


def signed_in(console: RunningConsole) -> str:
    """The cookies of somebody who has signed in."""
    jar = CookieJar()
    browser: OpenerDirector = build_opener(HTTPCookieProcessor(jar))
    browser.open(f"{console.url}/login/", timeout=10).read()
    token = next(cookie.value for cookie in jar if "csrf" in cookie.name)
    form = {"username": "admin", "password": console.password, "csrfmiddlewaretoken": token or ""}
    browser.open(f"{console.url}/login/", urlencode(form).encode(), timeout=10).read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def watching(console: RunningConsole, cookies: str, stack: ExitStack) -> ClientConnection:
    """A socket that has asked for the tail; it takes in little that nobody reads."""
    raw = socket.create_connection(("127.0.0.1", console.port), timeout=10)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    opening = connect(
        f"ws://127.0.0.1:{console.port}/ws/",
        sock=raw,
        origin=console.url,  # type: ignore[arg-type]
        additional_headers={"Cookie": cookies},
        max_queue=1,
        max_size=None,
        close_timeout=0.1,
        ping_interval=None,
    )
    made = stack.enter_context(opening)
    made.send(json.dumps({"kind": "watch", "views": list(VIEWS)[:8]}))
    made.send(json.dumps({"kind": "tail"}))
    return made


def said(socket: ClientConnection, seconds: float) -> list[dict[str, Any]]:
    """What it is told in so many seconds."""
    found: list[dict[str, Any]] = []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            found.append(json.loads(socket.recv(left)))
        except (TimeoutError, ConnectionClosed):
            break
    return found


def simulating(console: RunningConsole) -> subprocess.Popen[bytes]:
    """Trades, said in a second terminal."""
    words = ("simulate", "--rate", str(RATE), "--count", str(COUNT))
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "astra_console.settings",
        "DATA_DIR": str(console.data_dir),
    }
    return subprocess.Popen(
        tethered((sys.executable, "manage.py", *words)), cwd=ROOT, env=environment
    )


def memory_of(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4_096


@pytest.mark.long
def test_sockets_nobody_reads_cost_nobody_else_anything(console: RunningConsole) -> None:
    web = console.children()["web"]
    with ExitStack() as stack:
        cookies = signed_in(console)
        slow = [watching(console, cookies, stack) for _ in range(SLOW)]
        quick = watching(console, cookies, stack)
        before = memory_of(web)
        simulator = simulating(console)
        stack.callback(simulator.kill)

        told: list[dict[str, Any]] = []
        while simulator.poll() is None:
            told += said(quick, 1.0)
        grown = memory_of(web) - before
        late = said(slow[0], 20.0)

    shown = [message for message in told if message["kind"] == "rows"]
    assert len(shown) > COUNT / RATE / 2  # a frame at least every two seconds, all the time
    assert grown < MOST_GROWTH_BYTES
    assert rows_of(late) < rows_of(told)
    assert slow[0].close_code is not None  # it was given up, and its browser would begin anew


def rows_of(messages: list[dict[str, Any]]) -> int:
    """Rows shown, as the tab is told in the end."""
    return max(m["counters"]["shown"] for m in messages if "counters" in m)
