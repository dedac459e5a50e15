"""The bus this process is connected to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from events.conf import bus_settings
from events.transport.base import Transport

HASTY_S = 1.0
"""How long `hasty` waits for an answer: ordinary commands wait five times as long."""

_override: list[Transport] = []
_opening = threading.Lock()


def current() -> Transport:
    """The transport the settings name; opened once per process, connects when first used."""
    if _override:
        return _override[-1]
    # `cache` would let threads that come first together open one each; the client library closes
    # the connections of those that are not kept.
    with _opening:
        return _opened()


def hasty() -> Transport:
    """The same bus on connections that give up after HASTY_S: for those whom others wait for."""
    if _override:
        return _override[-1]
    with _opening:
        return _opened_hasty()


@contextmanager
def using(transport: Transport) -> Iterator[Transport]:
    """Use another transport for a while: for tests and tools."""
    _override.append(transport)
    try:
        yield transport
    finally:
        _override.remove(transport)


@cache
def _opened() -> Transport:
    settings = bus_settings()
    if settings.transport == "memory":
        from events.transport.memory import open_transport as open_memory

        return open_memory(settings)
    from events.transport.redis import open_transport as open_redis

    return open_redis(settings)


@cache
def _opened_hasty() -> Transport:
    settings = bus_settings()
    if settings.transport == "memory":
        return _opened()
    from events.transport.redis import open_transport as open_redis

    return open_redis(settings, HASTY_S)
