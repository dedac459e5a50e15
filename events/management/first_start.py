"""What is made sure of before anything runs: the folder, the port, the tables, the account."""

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

ADMIN = "admin"
PASSWORD_BYTES = 12


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data folder; CommandError when another console does. Freed by any kind of death."""
    with _lock_file(data_dir / "up.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"Another console (process {file.read().strip() or 'unknown'}) runs on the data"
                f" folder {data_dir}: stop it, or choose another: make up DATA_DIR=other PORT=8001"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _lock_file(path: Path) -> TextIO:
    try:
        return path.open("a+")
    except OSError as problem:
        raise CommandError(
            f"DATA_DIR must be a folder that can be written to: {path} cannot be"
            f" ({problem.strerror}). Name another: make up DATA_DIR=other"
        ) from problem


def port_is_free(host: str, port: int) -> None:
    """CommandError when the web process could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            what = f"The console cannot listen on port {port} of {host} ({problem.strerror})"
            if problem.errno == errno.EADDRINUSE:
                what += f": stop what uses it, or choose another: make up PORT={port + 1}"
            raise CommandError(what) from problem


def bring_up_to_date(say: Callable[[str], object]) -> str:
    """Tables, the admin's account, streams and groups; what to print as the password."""
    call_command("migrate", interactive=False, verbosity=0)
    password = ensure_admin(settings.ADMIN_PASSWORD, settings.DATA_DIR / "admin-password")
    say("database ready")
    call_command("setup_streams", stdout=StringIO())
    say("streams and groups ready")
    return password


def ensure_admin(wanted: str, kept: Path) -> str:
    """Make the account `admin`, a superuser; what to print as its password.

    `wanted` (ADMIN_PASSWORD) is set whenever it is not the password yet. Without it the first start
    makes a random one and keeps it in the file `kept`; a password changed later is left alone.
    """
    accounts = get_user_model().objects
    admin = accounts.filter(username=ADMIN).first()
    if wanted:
        if admin is None:
            accounts.create_superuser(ADMIN, password=wanted)
        elif not admin.check_password(wanted):
            admin.set_password(wanted)
            admin.save(update_fields=["password"])
        return "the one given as ADMIN_PASSWORD"
    if admin is None:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        keep(kept, password)
        accounts.create_superuser(ADMIN, password=password)
        return password
    password = kept.read_text().strip() if kept.exists() else ""
    if password and admin.check_password(password):
        return password
    return "as you changed it"


def keep(path: Path, secret: str) -> None:
    """Write a secret that only its owner can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
