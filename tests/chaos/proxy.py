"""Between clients and a bus server: lets a command through and now and then drops its reply.

To the client that looks like a server that went away; the server has done what it was told. What a
client does then decides whether something is appended twice, or acknowledged and forgotten.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

PIECE = 65_536


@dataclass
class LossyProxy:
    """Listens on a socket of its own; drops one reply in so many while `losing`."""

    folder: Path
    upstream: Path
    one_in: int
    rng: random.Random
    losing: bool = False
    dropped: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.folder / 'lossy.sock'))}"

    def start(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / "lossy.sock"))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed: it is over
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.upstream))
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(PIECE):
                server.sendall(piece)
        _close(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(PIECE):
                if self._drops():
                    break
                client.sendall(piece)
        _close(client, server)

    def _drops(self) -> bool:
        with self._lock:
            dropped = self.losing and self.rng.randrange(self.one_in) == 0
            self.dropped += dropped
            return dropped


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def lossy(folder: Path, upstream: Path, seed: int, one_in: int = 50) -> Iterator[LossyProxy]:
    """A started proxy that loses nothing yet."""
    proxy = LossyProxy(folder, upstream, one_in, random.Random(seed))
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
