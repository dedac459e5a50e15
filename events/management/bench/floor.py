"""The same work written by hand: plain client libraries, nothing but what has to be done.

The only place beside the transport that speaks to Redis: a floor that went through our own
transport would measure nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
import redis

from events.management.bench.events import EXAMPLE, TradeMade

BATCH = 500
STREAM = "floor"
APPEND = "for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end return #ARGV"

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class Floor:
    """A good engineer's hand-written producer and consumer."""

    def __init__(self) -> None:
        self.client: Any = redis.Redis.from_url(os.environ["REDIS_URL"], protocol=2)
        self._append = self.client.register_script(APPEND)

    def payloads(self, count: int) -> list[dict[str, Any]]:
        """Raw payloads, as they come to a producer."""
        return [{**EXAMPLE, "user_id": number % 1_000 + 1} for number in range(count)]

    def validated(self, payload: dict[str, Any]) -> bytes:
        """One payload checked by the same model, in an envelope of the same fields."""
        data = TradeMade.model_validate(payload).model_dump(mode="json", exclude_none=True)
        event_id = str(uuid4())
        return encode(
            {
                "event_id": event_id,
                "event_type": "Bench.TradeMade",
                "event_version": 1,
                "occurred_at": "2026-01-01T00:00:00.000000Z",
                "correlation_id": event_id,
                "causation_id": None,
                "producer": "bench@0",
                "domain": "bench",
                "entity_id": str(data["user_id"]),
                "data": data,
                "metadata": {},
            }
        )

    def append_by_script(self, bodies: Sequence[bytes]) -> None:
        """One Lua call for BATCH entries."""
        for at in range(0, len(bodies), BATCH):
            self._append(keys=[STREAM], args=bodies[at : at + BATCH])

    def append_by_pipeline(self, bodies: Sequence[bytes]) -> None:
        """BATCH commands XADD in one round trip."""
        for at in range(0, len(bodies), BATCH):
            pipe = self.client.pipeline(transaction=False)
            for body in bodies[at : at + BATCH]:
                pipe.xadd(STREAM, {"e": body})
            pipe.execute()

    def publish(self, payloads: Sequence[dict[str, Any]]) -> None:
        """Validate and append, a batch at a time, by the faster of the two."""
        for at in range(0, len(payloads), BATCH):
            self.append_by_script([self.validated(one) for one in payloads[at : at + BATCH]])

    def consume(self, stream: str, group: str, count: int) -> None:
        """COUNT 1000, the payload validated by the same model, one XACK for all of a read."""
        done = 0
        while done < count:
            reply = self.client.xreadgroup(group, "floor", {stream: ">"}, count=1_000, block=2_000)
            for _, entries in reply or ():
                for _, fields in entries:
                    TradeMade.model_validate(decode(fields[b"e"])["data"])
                self.client.xack(stream, group, *[entry_id for entry_id, _ in entries])
                done += len(entries)
