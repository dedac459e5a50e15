"""Performs traffic at a pace, whatever happens to SQL and to the bus meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections

from events import AstraError, BusUnavailable
from events.management.steps import Step
from events.management.traffic import TRADE, Traffic
from events.presence import Heartbeat

PAUSE_S = 1.0
"""How long SQL or the bus is left alone after it did not answer."""

CATCH_UP_S = 2.0
"""Further behind than this the lost time is forgotten, instead of trading in one burst."""


@dataclass
class Tally:
    """What was done, and what the services refused or found nothing to do for, by kind."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def trades(self) -> int:
        return self.done[TRADE]


class Simulator:
    """Runs the steps of `traffic`, `rate` trades a second, until enough or stopped."""

    def __init__(
        self, traffic: Traffic, rate: float, stop: threading.Event, say: Callable[[str], None]
    ) -> None:
        """`say` is given a sentence when something fails, and one when it is well again."""
        self.tally = Tally()
        self._traffic = traffic
        self._every_s = 1 / rate
        self._due_at = time.monotonic()
        self._stop = stop
        self._sql = Trouble(say, "SQL does not answer", "SQL answers again")
        self._bus = Trouble(
            say, "The bus does not answer, events wait in SQL", "The bus answers again"
        )
        self._heartbeat = Heartbeat("simulator")
        self._beat_at = 0.0

    def run(self, trades: int | None = None) -> Tally:
        """Go on for so many trades, or for ever; ends at once when stopped."""
        steps = self._traffic.steps()
        step = next(steps)
        while not self._stop.is_set():
            if step.kind == TRADE:
                if self.tally.trades == trades:
                    break
                self._await_turn()
            self._beat()
            step = steps.send(self._performed(step))
        self._leave()
        return self.tally

    def _await_turn(self) -> None:
        now = time.monotonic()
        self._due_at = max(self._due_at, now - CATCH_UP_S)
        while now < self._due_at and not self._stop.wait(min(self._due_at - now, 1.0)):
            self._beat()
            now = time.monotonic()
        self._due_at += self._every_s

    def _performed(self, step: Step) -> Any:
        """What the step came to; None when it was refused, or when SQL did not answer in time."""
        while not self._stop.is_set():
            try:
                result = step.act()
            except (OperationalError, InterfaceError) as error:
                self._sql.begins(error)
                self._stop.wait(PAUSE_S)
                close_old_connections()
                continue
            except AstraError:
                result = None
            self._sql.ends()
            kinds = self.tally.refused if result is None else self.tally.done
            kinds[step.kind] += 1
            return result
        return None

    def _beat(self) -> None:
        if time.monotonic() < self._beat_at:
            return
        try:
            if self._heartbeat.beat_if_due(
                in_flight=0, handled=self.tally.trades, retried=0, dead=0
            ):
                self._bus.ends()
        except BusUnavailable as error:
            self._bus.begins(error)
            self._beat_at = time.monotonic() + PAUSE_S

    def _leave(self) -> None:
        if self._bus.lasts:
            return  # a bus that hangs would keep us from ending; it forgets us by itself
        try:
            self._heartbeat.leave()
        except BusUnavailable as error:
            self._bus.begins(error)


class Trouble:
    """Something that fails and gets well: both are said once."""

    def __init__(self, say: Callable[[str], None], fails: str, works: str) -> None:
        self._say, self._fails, self._works = say, fails, works
        self.lasts = False

    def begins(self, error: Exception) -> None:
        """It failed; a second time in a row is no news."""
        if not self.lasts:
            self._say(f"{self._fails}: {error}")
        self.lasts = True

    def ends(self) -> None:
        """It worked."""
        if self.lasts:
            self._say(self._works)
        self.lasts = False
