"""``manage.py simulate``: made-up people use the services of all domains."""

from __future__ import annotations

import threading
import time
from argparse import ArgumentTypeError
from secrets import randbelow
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events.management.commands.runworkers import stop_on_signal
from events.management.simulation import Simulator, Tally
from events.management.traffic import Traffic

SEEDS = 1_000_000


class Command(BaseCommand):
    help = (
        "Simulate users of all domains; their events carry metadata.synthetic. Ends after --count "
        "trades, else with SIGTERM or SIGINT. The same --seed gives the same steps."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rate", type=_rate, default=2.0, help="trades a second (default 2)")
        parser.add_argument("--seed", type=int, help="draw everything from this number")
        parser.add_argument("--count", type=_count, help="end after so many trades")

    def handle(self, *, rate: float, seed: int | None, count: int | None, **options: Any) -> None:
        stop = threading.Event()
        stop_on_signal(stop.set)
        seed = randbelow(SEEDS) if seed is None else seed
        self._say(f"Simulating {rate:g} trades a second with seed {seed}.")
        began = time.monotonic()
        tally = Simulator(Traffic(seed), rate, stop, self._say).run(count)
        for line in _summary(tally, time.monotonic() - began):
            self._say(line)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _summary(tally: Tally, took_s: float) -> list[str]:
    others = [f"{count:,} {kind}" for kind, count in tally.done.most_common() if kind != "trade"]
    lines = [f"{tally.trades:,} trades in {took_s:.1f} s, {tally.trades / took_s:.1f} a second."]
    if others:
        lines.append(f"Beside them: {', '.join(others)}.")
    if tally.refused:
        refused = ", ".join(f"{count:,} {kind}" for kind, count in tally.refused.most_common())
        lines.append(f"Refused, or nothing there to do it with: {refused}.")
    return lines


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 10_000:
        raise ArgumentTypeError(f"{text!r} is not a rate: trades a second, above 0 to 10 000")
    return rate


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of trades: 1 or more")
    return int(text)
