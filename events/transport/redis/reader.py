"""Reads that one thread awaits for many groups at once, on a connection for each."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

import redis

from events import keys
from events.errors import BusUnavailable
from events.transport.base import Delivery, Reader
from events.transport.redis.connection import BLOCK_MARGIN_S, reaching
from events.transport.redis.entries import deliveries

GOODBYE_S = 2.0
"""Longest wait for the answer to a read that was told to end."""


class RedisReader:
    """XREADGROUP BLOCK, sent by `ask` and answered to `take`: nobody waits in between.

    A group's streams and its retry streams are read in one call. That a server answers nothing for
    longer than the block and a margin is noticed by `wait`.
    """

    def __init__(
        self,
        commands: redis.Redis,
        readers: redis.Redis,
        group: str,
        consumer: str,
        streams: Sequence[str],
        block_ms: int,
    ) -> None:
        self._commands = commands
        self._readers = readers  # kept: a client that is collected closes its pool
        self._pool = readers.connection_pool
        self._sources = {keys.retry_stream(stream, group): stream for stream in streams}
        names = [*streams, *self._sources]
        self._head = ("XREADGROUP", "GROUP", group, consumer, "COUNT")
        self._tail = ("BLOCK", block_ms, "STREAMS", *names, *([">"] * len(names)))
        self._packed: tuple[int, Any] = (0, None)
        self._longest_s = block_ms / 1_000 + BLOCK_MARGIN_S
        self._connection: Any = None
        self._client_id = 0
        self._asked_at = 0.0

    def ask(self, count: int) -> None:
        if self._asked_at:
            return
        with reaching():
            try:
                if self._connection is None:
                    self._connect()
                self._connection.send_packed_command(self._command(count), check_health=False)
            except BaseException:
                self._give_up()
                raise
        self._asked_at = time.monotonic()

    def take(self) -> list[Delivery]:
        if not self._asked_at:
            return []
        if time.monotonic() - self._asked_at > self._longest_s:
            self._give_up()
            raise BusUnavailable("the bus server does not answer: a read got no reply in time")
        if not _readable([self], 0.0):
            return []
        return self._answer()

    def close(self) -> list[Delivery]:
        if not self._asked_at:
            self._give_up()
            return []
        try:
            with reaching():
                self._commands.client_unblock(self._client_id)
            return self._answer() if _readable([self], GOODBYE_S) else []
        except BusUnavailable:
            return []
        finally:
            self._give_up()

    @property
    def waits(self) -> bool:
        """Whether an answer is still to come."""
        return self._asked_at > 0

    @property
    def overdue(self) -> bool:
        """Whether the answer should have come long ago."""
        return self.waits and time.monotonic() - self._asked_at > self._longest_s

    def fileno(self) -> int:
        """The socket's number, for poll(2)."""
        return int(self._connection._sock.fileno())

    def _connect(self) -> None:
        self._connection = self._pool.get_connection()
        self._connection.send_command("CLIENT", "ID")
        self._client_id = int(self._connection.read_response())

    def _command(self, count: int) -> Any:
        """The read, packed once for each count: an analytics group names a hundred streams."""
        if self._packed[0] != count:
            packed = self._connection.pack_command(*self._head, count, *self._tail)
            self._packed = (count, packed)
        return self._packed[1]

    def _answer(self) -> list[Delivery]:
        self._asked_at = 0.0
        with reaching():
            try:
                reply = self._connection.read_response()
            except redis.ResponseError:
                raise
            except BaseException:
                self._give_up()
                raise
        return deliveries(reply, self._sources)

    def _give_up(self) -> None:
        connection, self._connection, self._asked_at = self._connection, None, 0.0
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


def awaited(readers: Sequence[Reader], timeout_s: float) -> list[Reader]:
    """Readers whose answer is there, waiting up to `timeout_s` for the first."""
    waiting = [one for one in readers if isinstance(one, RedisReader) and one.waits]
    overdue = [one for one in waiting if one.overdue]
    if overdue:
        return list(overdue)
    if not waiting:
        time.sleep(timeout_s)
        return []
    return list(_readable(waiting, timeout_s))


def _readable(readers: Sequence[RedisReader], timeout_s: float) -> list[RedisReader]:
    poll = select.poll()
    by_number = {reader.fileno(): reader for reader in readers}
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(timeout_s * 1_000)]
