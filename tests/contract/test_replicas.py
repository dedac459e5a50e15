"""An event is told as appended only once the replicas that were asked for have it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis as client_library

from events import publish, relay, transport
from events.conf import bus_settings
from events.envelope import new_event_id
from events.errors import BusUnavailable
from events.management import bundled_bus
from events.models import StoredEvent
from events.pressure import gauge
from events.transport import redis
from events.transport.base import Append, Transport
from tests.events.conftest import trade
from tests.servers import BusServer, bus_server
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


@pytest.fixture
def replica(own_valkey: BusServer) -> Iterator[BusServer]:
    """A server that follows `own_valkey`."""
    port = free_port()
    with bus_server(bundled_bus.program()) as second:
        with client_library.Redis.from_url(own_valkey.url) as admin:
            admin.config_set("repl-diskless-sync-delay", 0)
            admin.config_set("port", port)
        with client_library.Redis.from_url(second.url) as admin:
            admin.replicaof("127.0.0.1", port)
            eventually(
                lambda: admin.info("replication")["master_link_status"] == "up",
                30,
                what="the replica follows",
            )
        yield second


@pytest.fixture
def followed(own_valkey: BusServer) -> Iterator[Transport]:
    opened = redis.open_transport(replace(bus_settings(), redis_url=own_valkey.url))
    yield opened
    redis.close_transport(opened)


def length(server: BusServer) -> int:
    with client_library.Redis.from_url(server.url) as admin:
        return int(admin.xlen(STREAM))


def test_without_replicas_it_is_not_told_as_appended_and_stands(opened: Transport) -> None:
    item = Append(STREAM, new_event_id(), b"1")

    with pytest.raises(BusUnavailable, match="0 of 1 replicas"):
        opened.streams.append([item], replicas=1)

    (again,) = opened.streams.append([item])
    assert again.duplicate


def test_what_is_told_as_appended_is_on_the_replica(
    followed: Transport, own_valkey: BusServer, replica: BusServer
) -> None:
    items = [Append(STREAM, new_event_id(), b"1") for _ in range(500)]

    appended = followed.streams.append(items, replicas=1)

    assert [told.event_id for told in appended] == [item.event_id for item in items]
    assert length(replica) == length(own_valkey) == 500


@pytest.mark.usefixtures("transactional_db")
def test_a_row_counts_as_relayed_once_the_replica_has_it(
    followed: Transport, replica: BusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    careful = replace(bus_settings(), relay_replicas=1)
    monkeypatch.setattr("events.relay.bus_settings", lambda: careful)
    monkeypatch.setattr(relay, "GRACE", relay.GRACE * 0)
    gauge.forget()
    relay.reopen()
    with transport.using(followed):
        publish(trade())
        assert StoredEvent.objects.filter(relayed_at=None).count() == 0

        replica.pause()
        publish(trade())
        assert StoredEvent.objects.filter(relayed_at=None).count() == 1
        replica.resume()
        relay.relay_waiting()

    assert StoredEvent.objects.filter(relayed_at=None).count() == 0
    assert length(replica) == 2
    relay.reopen()
