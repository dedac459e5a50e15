"""``manage.py bench`` with few events: every measure runs, and nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.integration.deployment import ROOT

MEASURES = {
    "direct": {"ours", "ours / validate and append", "append ready-made bytes"},
    "consume": {"ours", "handled again", "ours / count 1000, validate, one XACK"},
    "publish": {"ours", "p50 of one event", "p99 of one event"},
    "effects": {"ours"},
    "singles": {"ours"},
    "chain": {"complete", "p50", "p95", "p99"},
    "memory": {"MB at half", "MB at the end"},
    "long": {"publish, long stream / publish, short stream"},
    "two": {"both together", "one", "other"},
}
BOTH = ("publish", "effects", "singles")


def bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with a folder of its own for whatever is temporary."""
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "BENCH_LONG": "2000", "DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_gives_its_figures_and_leaves_nothing_behind(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="b-") as folder:  # short: sockets lie in it
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        done = bench(Path(folder), name, "--events", "100", "--rounds", "1", "--json")
        left = [path.name for path in Path(folder).iterdir() if path.name.startswith("astra-")]

    assert done.returncode == 0, done.stderr
    assert left == []
    measured = json.loads(done.stdout)
    expected = ["sqlite", "postgresql"] if name in BOTH else ["sqlite"]
    assert [one["sql"] for one in measured] == expected
    for one in measured:
        assert MEASURES[name] <= set(one["figures"])
        figures = {k: v for k, v in one["figures"].items() if v["aim"] and k != "handled again"}
        assert all(figure["median"] > 0 for figure in figures.values())


def test_a_table_is_for_people() -> None:
    with tempfile.TemporaryDirectory(prefix="b-") as folder:
        done = bench(Path(folder), "effects", "--events", "50", "--rounds", "1", "--sql", "sqlite")

    assert done.returncode == 0, done.stderr
    assert ">= 5,000 /s" in done.stdout
    assert "effects" in done.stdout


def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "direct", "--events", "0")

    assert done.returncode == 2
    assert "'0' is not a number: 1 or more" in done.stdout + done.stderr
