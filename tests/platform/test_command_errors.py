"""What somebody can put right ends a command with one sentence, not with a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings import OURS

ROOT = Path(__file__).resolve().parents[2]
HANDLER = """
from events import Context, Event, handles


@handles({declared})
def handle(event: Event, context: Context) -> None: ...
"""


def manage(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "astra_console.settings",
        "DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(folder),
        **variables,
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def app(folder: Path, declared: str) -> None:
    (folder / "parcels").mkdir()
    (folder / "parcels" / "__init__.py").touch()
    (folder / "parcels" / "handlers.py").write_text(HANDLER.format(declared=declared))


def test_a_type_nobody_registers_is_told_by_check(tmp_path: Path) -> None:
    app(tmp_path, '"NFT.RewardClaimd", group="senders"')

    done = manage(tmp_path, "check", APPS="parcels")

    assert done.returncode == 1
    assert "parcels.handlers.handle: 'NFT.RewardClaimd'" in done.stderr
    assert "did you mean NFT.RewardClaimed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_declaration_that_cannot_be_meant_names_its_line(tmp_path: Path) -> None:
    app(tmp_path, '"NFT.RewardClaimed", group="senders", linger_ms=100')

    done = manage(tmp_path, "check", APPS="parcels")

    assert done.returncode == 1
    assert "cannot start: " in done.stderr
    assert "linger_ms is for batch handlers" in done.stderr
    assert f"{tmp_path}/parcels/handlers.py, line 5" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("groups",), ("deadletters", "list")])
def test_a_folder_without_the_console_s_tables_is_named(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = manage(tmp_path, *words)

    assert done.returncode == 1
    assert "no such table" in done.stderr
    assert "DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr
