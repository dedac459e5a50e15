"""One transport after another: memory, Valkey 9, Redis 7.0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from events.conf import bus_settings
from events.transport import memory, redis
from events.transport.base import Transport

SERVERS = {"valkey": "valkey_server", "redis": "redis_server"}


OpenedWith = Callable[..., Transport]


@pytest.fixture(params=["memory", "valkey", "redis"])
def opened_with(request: pytest.FixtureRequest) -> Iterator[OpenedWith]:
    """Open an empty bus of each kind, with these settings."""
    opened: list[Transport] = []

    def open_it(**settings: Any) -> Transport:
        chosen = replace(bus_settings(), **settings)
        if request.param == "memory":
            return memory.open_transport(chosen)
        server = request.getfixturevalue(SERVERS[request.param])
        transport = redis.open_transport(replace(chosen, redis_url=server.url))
        opened.append(transport)
        return transport

    yield open_it
    for transport in opened:
        redis.close_transport(transport)


@pytest.fixture
def opened(opened_with: OpenedWith) -> Transport:
    """An empty bus of each kind, with a window of 5 ids so that its bound can be seen."""
    return opened_with(seen_limit=5)
