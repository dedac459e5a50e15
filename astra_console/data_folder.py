"""What the console keeps in its data folder: secrets made at the first start, the bus socket."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

LONGEST_SOCKET_PATH_BYTES = 100
"""A Unix socket's path may have 108 bytes on Linux and 104 on macOS, the final zero included."""


def kept_secret(path: Path, characters: int = 50) -> str:
    """The secret kept in a file of mode 0600; made at random by the first process that asks."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(characters)[:characters] + "\n")
        try:
            # A link fails when the file is there: of two processes the first wins, and the second
            # never sees a half-written secret.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    secret = path.read_text().strip()
    if not secret:
        raise ImproperlyConfigured(f"{path} is empty; delete it to have a new secret made.")
    return secret


def bus_socket(data_dir: Path) -> Path:
    """Where the bundled bus server listens: in the data folder, unless that path is too long."""
    inside = data_dir / "bus.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"astra-{os.getuid()}-{digest}" / "bus.sock"
