"""The bus as it is deployed: its own server, its own database, real processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from events.conf import bus_settings
from events.groups import groups
from events.transport import redis
from events.transport.base import Inspector, Transport
from tests.servers import BusServer, tethered

ROOT = Path(__file__).resolve().parents[2]
CHAINS = ROOT / "docs" / "chains"
LEASE_S = 3
"""Short, so that what a killed worker held is taken over within a test's patience."""


@dataclass
class Deployment:
    """Processes of this project on one bus server and one SQLite file in `folder`."""

    folder: Path
    server: BusServer
    variables: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Ours, without what the one who runs the tests may have set."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "DATA_DIR": str(self.folder),
            "REDIS_URL": self.server.url,
            "ASTRA_TRANSPORT": "redis",
            "ASTRA_LEASE_S": str(LEASE_S),
            **self.variables,
        }

    def manage(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one command that goes on; it is ended with the deployment."""
        log = (self.folder / f"{words[0]}-{len(self.running)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                tethered((sys.executable, "manage.py", *words)),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As the out-of-memory killer does it."""
        process.kill()
        process.wait(10)

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """As an orchestrator does it; the exit status."""
        process.send_signal(signal.SIGTERM)
        return process.wait(20)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database, beside all processes."""
        with closing(sqlite3.connect(self.folder / "astra.sqlite3", timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def count(self, table: str, where: str = "1=1") -> int:
        """How many rows; `table` and `where` are written by tests."""
        (row,) = self.rows(f"SELECT count(*) FROM {table} WHERE {where}")
        return int(row[0])

    def idle(self) -> bool:
        """Whether everything stored reached the bus and every group is through with it."""
        if self.count("events_storedevent", "relayed_at IS NULL"):
            return False
        declared = groups()
        names = sorted({stream for group in declared for stream in group.streams})
        states = self.inspector.streams(names).values()
        if any(group.pending or group.lag for state in states for group in state.groups):
            return False
        pairs = [(stream, group.name) for group in declared for stream in group.streams]
        retries = self.inspector.retries(pairs).values()
        return not any(info.waiting or info.pending for info in retries)

    @cached_property
    def transport(self) -> Transport:
        """A connection of the test's own."""
        return redis.open_transport(replace(bus_settings(), redis_url=self.server.url))

    @property
    def inspector(self) -> Inspector:
        """What the test looks at the bus with."""
        return self.transport.inspector


@contextmanager
def deployed(folder: Path, server: BusServer, **variables: str) -> Iterator[Deployment]:
    """Everything set up; at the end every process that was started is gone."""
    deployment = Deployment(folder, server, variables)
    try:
        for words in (["migrate", "-v0"], ["setup_streams"]):
            done = deployment.manage(*words)
            assert done.returncode == 0, done.stderr
        yield deployment
    finally:
        redis.close_transport(deployment.transport)
        _end(deployment.running)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(10)
