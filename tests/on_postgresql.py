"""The tests of what speaks SQL, once more on PostgreSQL: ``python -m tests.on_postgresql -k word``.

Starts a PostgreSQL of its own and ends with pytest's exit code. That none of them fits ``-k`` is
no failure: the other run had them.
"""

import os
import subprocess
import sys

import pytest

from tests.servers import postgres_server

PARTS = (
    "tests/events",
    *(
        f"tests/monitoring/test_{name}.py"
        for name in ("edit", "history", "inbox", "operation_pages", "pages", "samples", "session")
    ),
)
"""What asks SQL: the queries and everything else of `events`. Of the console its own tables, each
page once, and the pages that change most; the others only show what those queries gave."""

LEFT_OUT = (
    "tests/events/test_every_type.py",
    "tests/events/management/test_simulation.py",
    "tests/events/domains/test_folds.py",
    "tests/events/legacy",
    "tests/events/adapters",
)
"""Of these what takes long and asks SQL nothing that the others do not: made-up payloads, a
simulated market, states folded from events, formats."""


def main(arguments: list[str]) -> int:
    named = any(word.startswith("tests/") for word in arguments)
    parts = () if named else (*PARTS, *(f"--ignore={path}" for path in LEFT_OUT))
    argv = [sys.executable, "-m", "pytest", "--ds=tests.settings_postgresql", *parts, *arguments]
    with postgres_server() as server:
        environment = {**os.environ, "TEST_POSTGRESQL": f"{server.url}postgres"}
        code = subprocess.run(argv, env=environment, check=False).returncode
    return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
