"""One transport after another: memory, Valkey 9, Redis 7.0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from events.conf import bus_settings
from events.transport import memory, redis
from events.transport.base import Transport

SERVERS = {"valkey": "valkey_server", "redis": "redis_server"}


@pytest.fixture(params=["memory", "valkey", "redis"])
def opened(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """An empty bus of each kind, with a window of 5 ids so that its bound can be seen."""
    settings = replace(bus_settings(), seen_limit=5)
    if request.param == "memory":
        yield memory.open_transport(settings)
        return
    server = request.getfixturevalue(SERVERS[request.param])
    transport = redis.open_transport(replace(settings, redis_url=server.url))
    yield transport
    redis.close_transport(transport)
