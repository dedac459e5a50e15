"""A server that answers but does not take anything is a bus that is not available."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis as client_library

from events.conf import bus_settings
from events.envelope import new_event_id
from events.errors import BusFull, BusRefused
from events.transport import redis
from events.transport.base import Append, Transport
from tests.servers import BusServer

STREAM = "astra.trading.tradeexecuted.v1"


@pytest.fixture(params=["valkey_server", "redis_server"])
def server(request: pytest.FixtureRequest) -> BusServer:
    found: BusServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def opened(server: BusServer) -> Iterator[Transport]:
    transport = redis.open_transport(replace(bus_settings(), redis_url=server.url))
    yield transport
    redis.close_transport(transport)


@pytest.fixture
def memory_is_full(server: BusServer) -> Iterator[None]:
    with client_library.Redis.from_url(server.url) as admin:
        admin.config_set("maxmemory", "1")
        yield
        admin.config_set("maxmemory", "0")


@pytest.mark.usefixtures("memory_is_full")
def test_a_full_memory_is_a_bus_that_is_full(opened: Transport) -> None:
    with pytest.raises(BusFull, match="refuses"):
        opened.streams.append([Append(STREAM, new_event_id(), b"1")])


def test_an_entry_the_server_refuses_leaves_no_trace_of_its_id(
    opened: Transport, server: BusServer
) -> None:
    item = Append(STREAM, new_event_id(), b"1")
    with client_library.Redis.from_url(server.url) as admin:
        admin.set(STREAM, "not a stream")
        with pytest.raises(BusRefused, match="WRONGTYPE"):
            opened.streams.append([item])
        admin.delete(STREAM)

    (appended,) = opened.streams.append([item])

    assert appended.entry_id is not None


def test_a_key_of_another_kind_is_no_stream(opened: Transport, server: BusServer) -> None:
    opened.streams.append([Append("astra.trading.other.v1", new_event_id(), b"1")])
    with client_library.Redis.from_url(server.url) as admin:
        admin.set(STREAM, "not a stream")

        found = opened.inspector.streams([STREAM, "astra.trading.other.v1"])

    assert list(found) == ["astra.trading.other.v1"]
