"""What stays on the server when everything is finished: nothing that would grow."""

from __future__ import annotations

import time
from dataclasses import replace

import redis

from events import keys
from events.conf import bus_settings
from events.envelope import new_event_id
from events.transport import redis as transport
from events.transport.base import Append, Failure, Handled, RetryLater
from tests.servers import BusServer

STREAM = "astra.trading.tradeexecuted.v1"
FAILURE = Failure("2026-01-01T00:00:00+00:00", "TimeoutError", "no answer", "host:1:a")


def test_a_handled_retry_leaves_neither_body_nor_due_time(valkey_server: BusServer) -> None:
    bus = transport.open_transport(replace(bus_settings(), redis_url=valkey_server.url))
    bus.streams.ensure_group(STREAM, "a")
    bus.streams.append([Append(STREAM, new_event_id(), b"1")])
    (delivery,) = bus.streams.read("a", "one", [STREAM], 10, 0)
    bus.streams.settle("a", [RetryLater(delivery, time.time(), (FAILURE,))])
    with redis.Redis.from_url(valkey_server.url) as client:
        waiting = client.hlen(keys.bodies(STREAM, "a"))
        bus.streams.promote(STREAM, "a", time.time() + 1)
        bus.streams.settle(
            "a", [Handled(one) for one in bus.streams.read("a", "one", [STREAM], 10, 0)]
        )
        left = {name.decode() for name in client.scan_iter()}
    transport.close_transport(bus)

    assert waiting == 1
    assert left == {STREAM, keys.seen(STREAM), keys.retry_stream(STREAM, "a")}
