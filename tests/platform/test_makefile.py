"""What `make` says on a machine that lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of which nothing is installed yet."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(project: Path, *arguments: str) -> tuple[int, list[str]]:
    # Without what a make above us (`make test`) would hand down.
    environment = {"PATH": os.environ["PATH"]}
    command = ["make", *arguments]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_without_python_it_says_what_is_needed(project: Path) -> None:
    status, lines = make(project, "up", "PYTHON=no-such-python")

    assert status != 0
    assert lines[0] == (
        "Astra Console needs Python 3.11 or newer, and 'no-such-python' was not found;"
        " install it, or name it: make up PYTHON=/path/to/python3"
    )


def test_an_old_python_is_refused_by_its_version(project: Path) -> None:
    old = program(project / "old", 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')

    status, lines = make(project, "up", f"PYTHON={old}")

    assert status != 0
    assert lines[0] == (
        f"Astra Console needs Python 3.11 or newer, and '{old}' is Python 3.9.2;"
        " name a newer one: make up PYTHON=/path/to/python3"
    )


def test_a_python_without_venv_is_told_how_to_get_it(project: Path) -> None:
    bare = program(project / "bare", 'case "$1" in -m) exit 1;; *) exit 0;; esac')

    status, lines = make(project, "up", f"PYTHON={bare}")

    assert status != 0
    assert lines[1] == (
        "Python could not make a virtual environment;"
        " on Debian and Ubuntu install it: apt-get install python3-venv"
    )
    assert not (project / ".venv").exists()


def test_every_target_is_explained(project: Path) -> None:
    status, lines = make(project, "help")

    assert status == 0
    assert {"up", "test", "check", "requirements"} <= {line.split()[1] for line in lines}
