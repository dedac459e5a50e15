"""Leases and heartbeats."""

from __future__ import annotations

import time
from typing import cast

import msgspec
import redis

from events import keys
from events.transport.base import WorkerInfo
from events.transport.redis.connection import Scripts, reaching

FORGET_AFTER_S = 3_600


class RedisLeases:
    """Leases as expiring strings that hold their owner's token."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def acquire(self, name: str, token: str, ttl_s: float) -> bool:
        args = [token, int(ttl_s * 1_000)]
        return bool(self._scripts.call("acquire", [keys.lease(name)], args))

    def drop(self, name: str, token: str) -> None:
        self._scripts.call("drop", [keys.lease(name)], [token])


class RedisPresence:
    """Heartbeats: one expiring string per process, and a sorted set that lists them."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def beat(self, worker: WorkerInfo, ttl_s: float) -> None:
        gone_at = time.time() + ttl_s
        with reaching():
            pipe = self._client.pipeline(transaction=False)
            pipe.set(keys.worker(worker.name), msgspec.json.encode(worker), px=int(ttl_s * 1_000))
            pipe.zadd(keys.workers(), {worker.name: gone_at})
            pipe.zremrangebyscore(keys.workers(), "-inf", gone_at - FORGET_AFTER_S)
            pipe.execute()

    def leave(self, name: str) -> None:
        with reaching():
            pipe = self._client.pipeline(transaction=False)
            pipe.delete(keys.worker(name))
            pipe.zrem(keys.workers(), name)
            pipe.execute()

    def alive(self) -> tuple[WorkerInfo, ...]:
        with reaching():
            names = cast(
                "list[bytes]", self._client.zrangebyscore(keys.workers(), time.time(), "+inf")
            )
            if not names:
                return ()
            found = self._client.mget([keys.worker(name.decode()) for name in names])
        alive = [msgspec.json.decode(raw, type=WorkerInfo) for raw in found if raw]
        return tuple(sorted(alive, key=lambda worker: worker.name))
