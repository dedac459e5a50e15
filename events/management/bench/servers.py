"""Servers for one bench: in a folder that goes away, on sockets nobody else knows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from events.errors import ConfigurationError
from events.management import bundled_bus
from events.supervisor import TETHER

READY_WITHIN_S = 30.0


@contextmanager
def bus_server() -> Iterator[str]:
    """The bundled bus server, its append-only file synchronised every second; its address."""
    with _folder("astra-bench-bus-") as folder:
        socket = folder / "bus.sock"
        argv = bundled_bus.server_argv(bundled_bus.program(), folder, socket)
        with _running(argv, folder, lambda: bundled_bus.answers(socket)):
            yield f"unix://{quote(str(socket))}"


@contextmanager
def sql_server() -> Iterator[str]:
    """A PostgreSQL as it comes (fsync on); the address of an empty database.

    Raises ConfigurationError where PostgreSQL is not installed.
    """
    initdb, postgres = _program("initdb"), _program("postgres")
    with _folder("astra-bench-sql-") as folder:
        # PostgreSQL refuses to run as root; its Debian package makes a user for it.
        user = "postgres" if os.getuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        setup = [initdb, "-D", str(folder / "data"), "-U", "astra", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(  # noqa: S603  our own words
            setup, check=False, capture_output=True, text=True, cwd=folder, user=user, group=user
        )
        if made.returncode:
            raise ConfigurationError(f"PostgreSQL could not be set up: {made.stderr.strip()}")
        options = {"listen_addresses": "", "unix_socket_directories": str(folder)}
        given = [f"--{name}={value}" for name, value in options.items()]
        argv = (postgres, "-D", str(folder / "data"), *given)
        url = f"postgresql://astra@{quote(str(folder), safe='')}/postgres"
        with _running(argv, folder, lambda: _connects(url), user=user, stop=signal.SIGINT):
            yield url


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    argv: tuple[str, ...],
    folder: Path,
    ready: Callable[[], bool],
    *,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    tied = user is None and sys.platform == "linux"
    words = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())] if tied else []
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own words
            [*words, *argv], stdout=log, stderr=log, cwd=folder, user=user, group=user
        )
    try:
        _await(ready, process, folder)
        yield
    finally:
        process.send_signal(stop)
        process.wait(READY_WITHIN_S)


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            said = (folder / "server.log").read_text(errors="replace")[-500:]
            raise ConfigurationError(f"the server of the bench did not start: {said.strip()}")
        time.sleep(0.05)


def _program(name: str) -> str:
    """A program of PostgreSQL; Debian keeps them out of the PATH."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        raise ConfigurationError(
            f"{name} was not found: install PostgreSQL, or name a server with --database-url"
        )
    return found


def _connects(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
