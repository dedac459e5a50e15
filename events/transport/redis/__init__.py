"""The bus on Redis >= 7.0 or Valkey >= 7.2. The only package that knows the client library."""

from __future__ import annotations

from events.conf import BusSettings
from events.transport.base import Transport
from events.transport.redis.connection import COMMAND_TIMEOUT_S, Scripts, connect
from events.transport.redis.inspector import RedisInspector
from events.transport.redis.mending import RedisMending
from events.transport.redis.moving import RedisMoving
from events.transport.redis.presence import RedisLeases, RedisPresence
from events.transport.redis.streams import RedisStreams


def open_transport(settings: BusSettings, timeout_s: float = COMMAND_TIMEOUT_S) -> Transport:
    """A transport on ``settings.redis_url``; connects when first used.

    A command that is not answered within `timeout_s` raises BusUnavailable.
    """
    commands = connect(settings.redis_url, timeout_s=timeout_s)
    readers = connect(settings.redis_url, longest_block_s=max(settings.block_ms, 5_000) / 1_000)
    scripts = Scripts(commands)
    presence = RedisPresence(commands)
    return Transport(
        streams=RedisStreams(commands, readers, scripts, settings),
        leases=RedisLeases(scripts),
        presence=presence,
        inspector=RedisInspector(commands, readers, presence),
        mending=RedisMending(commands, scripts),
        moving=RedisMoving(commands, scripts),
        name="redis",
    )


def close_transport(transport: Transport) -> None:
    """Close its connections; they open again when it is used again."""
    if isinstance(transport.streams, RedisStreams):
        transport.streams.close()
