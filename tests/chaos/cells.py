"""The long cells: a fault that strikes again and again while clients publish."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from tests.chaos.rig import LEASE_S, Result, Rig, judged

COMPLAINTS = (" waits: ", " wait in SQL: ", "set up again")


@dataclass(frozen=True)
class Cell:
    """A fault, how often it strikes, and how ill the events are."""

    strike: Callable[[Rig], None]
    every_s: float
    poison: str = ""
    bites: Callable[[Rig], int] = Rig.redeliveries
    """What shows that the fault was felt; 0 makes the run worthless."""


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


def complaints(rig: Rig) -> int:
    """Lines in which workers and clients say that the bus or SQL was not there for them."""
    logs = [path.read_text() for path in rig.folder.glob("*.log")]
    return sum(log.count(said) for log in logs for said in COMPLAINTS)


def _accepted(rig: Rig) -> Counter[int]:
    """Events accepted in each second."""
    return Counter(int(e["at"]) for e in rig.told().values() if e["outcome"] == "accepted")


def _still_seconds(rig: Rig) -> int:
    """Seconds between the first and the last acceptance in which there was none."""
    accepted = _accepted(rig)
    return max(accepted) - min(accepted) + 1 - len(accepted)


def _burst(rig: Rig) -> None:
    """As much as five clients can, for a moment."""
    for _ in range(5):
        rig.publish(600, 600)


def _busy_seconds(rig: Rig) -> int:
    """Seconds in which at least twice as much was accepted as in a usual one."""
    accepted = _accepted(rig)
    usual = median(accepted.values())
    return sum(count >= 2 * usual for count in accepted.values())


def _no_memory(rig: Rig) -> None:
    rig.short_of_memory(0)
    time.sleep(2 * LEASE_S)  # the fault is its length
    rig.short_of_memory(None)


def _lock_sql(rig: Rig) -> None:
    with rig.locked_sql():
        time.sleep(2 * LEASE_S)  # the fault is its length


CELLS: Mapping[str, Cell] = {
    "killed-workers": Cell(Rig.kill_worker, 3, "raise:0.05"),
    "zombies": Cell(_freeze, 2),
    "killed-bus": Cell(_kill_bus, 15, bites=complaints),
    "paused-bus": Cell(_pause_bus, 10, bites=complaints),
    "flushed-bus": Cell(_flush_bus, 30, bites=complaints),
    "bus-without-memory": Cell(_no_memory, 10, "raise:0.05", bites=complaints),
    "bursts": Cell(_burst, 15, bites=_busy_seconds),
    "locked-sql": Cell(_lock_sql, 10, bites=_still_seconds),
}


def run(name: str, rig: Rig, seconds: float, rate: float) -> tuple[int, int, Result]:
    """Let a cell's fault strike for so long; how often it did, how often it was
    felt, and what the oracle says."""
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
    result = judged(rig)
    return faults, cell.bites(rig), result
