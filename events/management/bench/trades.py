"""The first worked chain at a steady pace: all groups in one worker process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.conf import settings

from events import publish, transport
from events.envelope import Event, now
from events.management.bench.measures import Round, chain_latencies_ms

RATE = 50
"""Trades a second."""

WARM_UP_S = 3.0
SETTLES_WITHIN_S = 60.0
USERS = 200


def chain(events: int, rounds: int) -> Iterator[Round]:
    """`events` trades at RATE a second in each round; how long from `publish` to ProfileUpdated.

    The chain: trade, XPGained, SocialInteraction, InfluenceUpdated, ProfileUpdated; beside it all
    other groups do what they do for every event.
    """
    subprocess.run(
        [sys.executable, "manage.py", "setup_streams"],
        cwd=settings.BASE_DIR,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "runworkers", "--no-supervisor"],
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_worker()
        _trade(int(WARM_UP_S * RATE))
        for _ in range(rounds):
            published = _trade(events)
            latencies = _settled(published)
            complete = len(latencies) / len(published)
            yield Round({"complete": complete, "trades/s": RATE}, latencies)
    finally:
        worker.terminate()
        worker.wait(60)


def _trade(count: int) -> dict[UUID, datetime]:
    """Publish trades at their pace; when each was published, by the chain's id."""
    published: dict[UUID, datetime] = {}
    began = time.monotonic()
    for number in range(count):
        wait_s = began + number / RATE - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        data = {"user_id": number % USERS + 1, "symbol": "STRK", "value": "1500.00"}
        event = Event.new("Trading.TradeExecuted", data)
        published[event.correlation_id] = now()
        publish(event)
    return published


def _settled(published: dict[UUID, datetime]) -> list[float]:
    until = time.monotonic() + SETTLES_WITHIN_S
    while True:
        latencies = chain_latencies_ms(published)
        if len(latencies) == len(published) or time.monotonic() > until:
            return latencies
        time.sleep(0.5)


def _await_worker() -> None:
    until = time.monotonic() + SETTLES_WITHIN_S
    while not _worker_lives() and time.monotonic() < until:
        time.sleep(0.2)


def _worker_lives() -> bool:
    return any(one.kind == "worker" for one in transport.current().presence.alive())
