"""The long cells: a fault that strikes again and again while clients publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.chaos.rig import LEASE_S, Result, Rig, judged


@dataclass(frozen=True)
class Cell:
    """A fault, how often it strikes, and how ill the events are."""

    strike: Callable[[Rig], None]
    every_s: float
    poison: str = ""


def _freeze(rig: Rig) -> None:
    rig.freeze_worker(3 * LEASE_S)


def _kill_bus(rig: Rig) -> None:
    rig.server.kill()
    time.sleep(2)  # the fault is its length
    rig.server.start()


def _pause_bus(rig: Rig) -> None:
    rig.server.pause()
    time.sleep(2 * LEASE_S)  # the fault is its length
    rig.server.resume()


def _flush_bus(rig: Rig) -> None:
    rig.server.flush()


def _lock_sql(rig: Rig) -> None:
    with rig.locked_sql():
        time.sleep(2 * LEASE_S)  # the fault is its length


CELLS: Mapping[str, Cell] = {
    "killed-workers": Cell(Rig.kill_worker, 3, "raise:0.05"),
    "zombies": Cell(_freeze, 2),
    "killed-bus": Cell(_kill_bus, 15),
    "paused-bus": Cell(_pause_bus, 10),
    "flushed-bus": Cell(_flush_bus, 30),
    "locked-sql": Cell(_lock_sql, 10),
}


def run(name: str, rig: Rig, seconds: float, rate: float) -> tuple[int, Result]:
    """Let a cell's fault strike for so long; how often it did, and what the oracle says."""
    cell = CELLS[name]
    rig.work()
    rig.publish(int(seconds * rate), rate, cell.poison)
    ends_at = time.monotonic() + seconds
    faults = 0
    while time.monotonic() < ends_at:
        time.sleep(cell.every_s)
        cell.strike(rig)
        rig.work()
        faults += 1
    return faults, judged(rig)
