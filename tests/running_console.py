"""The whole console as a user starts it: `manage.py up` on a free port and a throw-away folder."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from tests.settings import OURS
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_S = 60


@dataclass
class RunningConsole:
    """A console in a process of its own; `lines` is what it printed."""

    process: subprocess.Popen[str]
    port: int
    data_dir: Path
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return (self.data_dir / "admin-password").read_text().strip()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; status 0 when nobody answers."""
        client = HTTPConnection("127.0.0.1", self.port, timeout=5)
        with closing(client):
            try:
                client.request("GET", path)
                response = client.getresponse()
                return response.status, response.read()
            except OSError:
                return 0, b""

    def children(self) -> dict[str, int]:
        """Process id by name of every child that lives, such as `workers` and `bus`."""
        found = {}
        for pid in children_of(self.process.pid):
            command = command_of(pid)
            for name, word in CHILDREN.items():
                if word in command:
                    found[name] = pid
        return found

    def wait_until_it_runs(self) -> None:
        """Return when it printed its address; AssertionError with its words when it ended."""

        def runs() -> bool:
            if self.process.poll() is not None:
                raise AssertionError("up ended: " + "\n".join(self.lines))
            return any("Ctrl-C" in line for line in self.lines)

        eventually(runs, STARTS_WITHIN_S, what="up prints its address")

    def stop(self) -> int:
        """Stop it as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


CHILDREN = {
    "bus": "valkey-server",
    "web": "uvicorn",
    "workers": "runworkers",
    "scheduler": "runscheduler",
    "simulator": "simulate",
}


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def up(data_dir: Path, port: int, **variables: str) -> subprocess.Popen[str]:
    """Start `manage.py up` with exactly these variables of ours."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "astra_console.settings",
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "SIMULATE": "0",
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "up"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running_console(data_dir: Path | None = None, **variables: str) -> Iterator[RunningConsole]:
    """A console that runs; stopped at the end, its folder removed unless it was given."""
    folder = data_dir or Path(tempfile.mkdtemp(prefix="astra-console-"))
    port = free_port()
    console = RunningConsole(up(folder, port, **variables), port, folder)
    reader = threading.Thread(target=read_lines, args=(console,), daemon=True)
    reader.start()
    try:
        console.wait_until_it_runs()
        yield console
    finally:
        console.stop()
        reader.join(10)
        if data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)


def read_lines(console: RunningConsole) -> None:
    """Collect what it prints, until it ends."""
    assert console.process.stdout is not None
    with console.process.stdout as output:
        for line in output:
            console.lines.append(line.rstrip("\n"))


def children_of(parent: int) -> list[int]:
    """Process ids of the living children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return found


def command_of(pid: int) -> str:
    """The command line of a process, or nothing when it is gone."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
