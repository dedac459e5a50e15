"""Real servers for tests: the bundled Valkey, Debian's Redis 7.0, PostgreSQL.

Every server runs in a throw-away folder, listens on a Unix socket there, and is stopped at the end.

    valkey_server, redis_server   one per test run; flushed before every test that uses it
    own_valkey                    one for this test alone, which may kill, pause or restart it
    own_postgres                  the same for PostgreSQL
    postgres_url                  an empty database of its own for this test
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
import redis

from events.management import bundled_bus
from events.supervisor import TETHER
from tests.waiting import eventually

STOPS_WITHIN_S = 10


def tethered(argv: tuple[str, ...]) -> list[str]:
    """The command, ended with this test run even when that is killed."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *argv]


@dataclass
class BusServer:
    """A Redis or Valkey of ours; its data survive `kill` and `start`."""

    program: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> Path:
        return self.folder / "bus.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def start(self) -> None:
        argv = bundled_bus.server_argv(self.program, self.folder, self.socket)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(tethered(argv), stdout=log, stderr=log)
        eventually(lambda: bundled_bus.answers(self.socket), what=f"{self.program} answers")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "the server does not run"
        self.process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.resume()
        self._signal(number)
        self.process.wait(STOPS_WITHIN_S)
        self.process = None


@contextmanager
def bus_server(program: Path) -> Iterator[BusServer]:
    """A started server; its folder is short, for a socket's path may have only 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="astra-bus-"))
    server = BusServer(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def debian_redis() -> Path:
    """Debian's redis-server; a test that needs it is skipped by name where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not installed (make test installs it where it may)")
    return Path(found)


@pytest.fixture(scope="session")
def valkey_for_all() -> Iterator[BusServer]:
    with bus_server(bundled_bus.program()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_for_all() -> Iterator[BusServer]:
    with bus_server(debian_redis()) as server:
        yield server


@pytest.fixture
def valkey_server(valkey_for_all: BusServer) -> BusServer:
    """The bundled Valkey, empty."""
    valkey_for_all.flush()
    return valkey_for_all


@pytest.fixture
def redis_server(redis_for_all: BusServer) -> BusServer:
    """Debian's Redis, empty."""
    redis_for_all.flush()
    return redis_for_all


@pytest.fixture
def own_valkey() -> Iterator[BusServer]:
    """A Valkey that this test may kill."""
    with bus_server(bundled_bus.program()) as server:
        yield server


def postgres_program(name: str) -> str:
    """A program of PostgreSQL; Debian keeps them out of the PATH."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("PostgreSQL is not installed (make test installs it where it may)")
    return found


@dataclass
class SqlServer:
    """A PostgreSQL of ours; its data survive `kill` and `start`."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Its address up to the name of the database."""
        return f"postgresql://astra@{quote(str(self.folder), safe='')}/"

    def set_up(self) -> None:
        """Make its data folder, which must be its own user's: it refuses to run as root."""
        if self._who:
            shutil.chown(self.folder, self._who["user"])
        argv = [postgres_program("initdb"), "-D", self._data, "-U", "astra", "-A", "trust"]
        argv += ["-E", "UTF8", "--no-sync"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._who)

    def start(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
        }
        argv = [postgres_program("postgres"), "-D", self._data]
        argv += [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=self.folder, **self._who
            )
        eventually(lambda: can_connect(f"{self.url}postgres"), 30, what="PostgreSQL answers")

    def kill(self) -> None:
        """Its sessions end with it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, nothing is lost."""
        self._end(signal.SIGINT)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _who(self) -> dict[str, Any]:
        """Debian's package makes a user for it."""
        user = "postgres" if os.getuid() == 0 else None
        return {"user": user, "group": user, "extra_groups": []} if user else {}

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(STOPS_WITHIN_S)
            self.process = None


@contextmanager
def postgres_server() -> Iterator[SqlServer]:
    """A started PostgreSQL in a throw-away folder."""
    folder = Path(tempfile.mkdtemp(prefix="astra-sql-"))
    server = SqlServer(folder)
    try:
        server.set_up()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres_for_all() -> Iterator[str]:
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def own_postgres() -> Iterator[SqlServer]:
    """A PostgreSQL that this test may kill."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_for_all: str) -> Iterator[str]:
    """The address of an empty database, dropped afterwards with whoever is still connected."""
    name = f"astra_{uuid4().hex}"
    with psycopg.connect(f"{postgres_for_all}postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_for_all}{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
