"""Leases and presence in memory."""

from __future__ import annotations

from events.transport.base import (
    WorkerInfo,
)
from events.transport.memory.state import (
    MemoryState,
    locked,
)


class MemoryPresence(MemoryState):
    """The Leases and the Presence contract."""

    @locked
    def acquire(self, name: str, token: str, ttl_s: float) -> bool:
        holder, until = self._leases.get(name, (token, 0.0))
        if holder != token and until > self.clock.now():
            return False
        self._leases[name] = (token, self.clock.now() + ttl_s)
        return True

    @locked
    def drop(self, name: str, token: str) -> None:
        if self._leases.get(name, ("", 0.0))[0] == token:
            del self._leases[name]

    @locked
    def beat(self, worker: WorkerInfo, ttl_s: float) -> None:
        self._workers[worker.name] = (worker, self.clock.now() + ttl_s)

    @locked
    def leave(self, name: str) -> None:
        self._workers.pop(name, None)

    @locked
    def alive(self) -> tuple[WorkerInfo, ...]:
        now = self.clock.now()
        return tuple(
            self._workers[n][0] for n in sorted(self._workers) if self._workers[n][1] > now
        )

    def workers(self) -> tuple[WorkerInfo, ...]:
        return self.alive()
