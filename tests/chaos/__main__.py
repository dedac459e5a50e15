"""``make chaos [CELL=name] [SECONDS=90] [SEED=7] [RATE=300]``: long cells, and what became of them.

What a failed cell leaves (logs, histories, SQL file, the bus's own file) is kept in var/chaos.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

import django
from rich.console import Console
from rich.table import Table

from events.management import bundled_bus

KEPT = Path("var/chaos").absolute()


def main(names: list[str], seconds: int, seed: int, rate: float) -> int:
    """Run cells one after the other; the exit status."""
    from tests.chaos.cells import CELLS

    if unknown := set(names) - set(CELLS):
        sys.exit(f"CELL={min(unknown)}: there is no such cell; there are {', '.join(CELLS)}")
    console = Console()
    table = Table("cell", "faults", "redeliveries", "lost", "doubled", "drained in", "")
    failed = 0
    for name in names or CELLS:
        with console.status(f"{name}: {seconds} s at {rate:g} events a second, seed {seed}"):
            row, wrong = _run(name, seconds, seed, rate)
        table.add_row(name, *row, "failed" if wrong else "passed")
        failed += bool(wrong)
        for finding in wrong:
            console.print(f"{name}: {finding}", style="red", markup=False)
    console.print(table)
    return min(failed, 1)


def _run(name: str, seconds: int, seed: int, rate: float) -> tuple[list[str], list[str]]:
    from tests.chaos.cells import run
    from tests.chaos.rig import rigged
    from tests.servers import bus_server

    folder = Path(mkdtemp(prefix="astra-chaos-"))
    with bus_server(bundled_bus.program()) as server:
        with rigged(folder, server, seed) as rig:
            faults, bites, result = run(name, rig, seconds, rate)
        wrong = [*result.wrong, *([] if faults and bites else ["the faults did not bite"])]
        if wrong:
            kept = KEPT / f"{name}-{seed}"
            shutil.rmtree(kept, ignore_errors=True)
            ignored = shutil.ignore_patterns("*.sock")
            shutil.copytree(folder, kept, ignore=ignored)
            shutil.copytree(server.folder, kept / "bus", ignore=ignored)
            wrong.append(f"see {kept}")
    shutil.rmtree(folder, ignore_errors=True)
    evidence = result.evidence
    counts = [faults, result.redeliveries, len(evidence.lost), len(evidence.doubled)]
    return [*map(str, counts), f"{result.drained_s:.1f} s"], wrong


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    chosen = os.environ.get("CELL", "").split()
    sys.exit(
        main(
            chosen,
            int(os.environ.get("SECONDS") or 90),
            int(os.environ.get("SEED") or 7),
            float(os.environ.get("RATE") or 300),
        )
    )
