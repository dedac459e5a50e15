"""Connections to the bus server, its scripts, and its errors in our words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.errors import BusFull, BusRefused, BusUnavailable
from events.transport.base import GroupMissing

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 5.0
BLOCK_MARGIN_S = 10.0
"""How much longer than its block a blocking read may take: redis-py would otherwise time out."""

REPLICATED_WITHIN_MS = 500
"""How long replicas may take to have what was written; ordinarily they have it within one."""

RAW_COMMANDS = (
    "XREADGROUP",
    "XREAD",
    "XRANGE",
    "XREVRANGE",
    "XINFO STREAM",
    "XINFO GROUPS",
    "XINFO CONSUMERS",
    "XPENDING",
)
"""Commands whose replies we read as the server sends them."""

MISSING = ("NOGROUP", "UNBLOCKED", "The XGROUP subcommand requires the key to exist")
"""How replies begin that say that a group or its stream is not there."""

REFUSALS = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
)
"""Replies by which a server refuses to write for now; the client strips their code words."""

Call = tuple[str, Sequence[str], Sequence[Any]]
"""A script's name, its keys and its arguments."""


def connect(
    url: str, *, longest_block_s: float = 0.0, timeout_s: float = COMMAND_TIMEOUT_S
) -> redis.Redis:
    """A client whose commands are sent once and only once, and waited for `timeout_s`.

    redis-py would re-send a command whose reply was lost, and so append an event twice
    (redis-py#3554): its retries are off. RESP2, bytes in and out.
    """
    client: redis.Redis = redis.Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        socket_connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
        socket_timeout=longest_block_s + BLOCK_MARGIN_S if longest_block_s else timeout_s,
        health_check_interval=0,
    )
    for command in RAW_COMMANDS:
        client.set_response_callback(command, _as_sent)
    return client


@contextmanager
def reaching() -> Iterator[None]:
    """Translate the client's errors: BusUnavailable, GroupMissing, BusRefused."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise BusUnavailable(f"the bus server does not answer: {_plain(error)}") from error
    except redis.ResponseError as error:
        raise translated(error) from error


def translated(error: Exception) -> Exception:
    """An error reply of the server in our words."""
    text = str(error)
    if text.startswith(MISSING):
        return GroupMissing(text)
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return BusFull(f"the bus server refuses: {text}")
    if isinstance(error, REFUSALS) or text.startswith(("MISCONF", "NOREPLICAS")):
        return BusUnavailable(f"the bus server refuses: {text}")
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return BusUnavailable(f"the bus server does not answer: {_plain(error)}")
    if isinstance(error, redis.ResponseError):
        return BusRefused(f"the bus server refuses: {text}")
    return error


class Scripts:
    """The Lua scripts beside this module, called by their hash, sent when the server lacks them."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        folder = resources.files("events.transport.redis") / "scripts"
        self._source = {
            path.name.removesuffix(".lua"): path.read_text() for path in folder.iterdir()
        }
        self._hash = {
            name: hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
            for name, source in self._source.items()
        }

    def call(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run one script."""
        with reaching():
            try:
                return self._client.evalsha(self._hash[name], len(keys), *keys, *args)
            except redis.exceptions.NoScriptError:
                return self._client.eval(self._source[name], len(keys), *keys, *args)

    def call_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run several scripts in one round trip; the first error is raised after all have run."""
        if len(calls) == 1:
            return [self.call(*calls[0])]
        with reaching():
            replies = pipelined(self._client, [self._by_hash(call) for call in calls])
            return self._repeated(calls, replies)

    def call_streamed(self, calls: Iterable[Call]) -> list[Any]:
        """`call_all` for calls still being made: each is sent at once, so that the server works on
        one while the next is put together."""
        sent: list[Call] = []
        with reaching():
            pool = self._client.connection_pool
            connection: Any = pool.get_connection()
            try:
                for call in calls:
                    name, keys, args = call
                    words = ("EVALSHA", self._hash[name], len(keys), *keys, *args)
                    connection.send_packed_command(connection.pack_command(*words))
                    sent.append(call)
                replies = [_reply(connection) for _ in sent]
            except BaseException:
                connection.disconnect()  # whoever came next would read our replies
                raise
            finally:
                pool.release(connection)
            return self._repeated(sent, replies)

    def _repeated(self, calls: Sequence[Call], replies: list[Any]) -> list[Any]:
        """The replies, those of scripts the server lacked called once more; raises the first
        error."""
        for index, reply in enumerate(replies):
            if isinstance(reply, redis.exceptions.NoScriptError):
                replies[index] = self.call(*calls[index])
            elif isinstance(reply, Exception):
                raise reply
        return replies

    def call_replicated(self, calls: Sequence[Call], replicas: int) -> list[Any]:
        """`call_all` that waits until so many replicas have what the scripts wrote.

        Raises BusUnavailable when they do not in REPLICATED_WITHIN_MS. The scripts run again where
        the server lacked one.
        """
        wait = ("WAIT", replicas, REPLICATED_WITHIN_MS)
        commands = [*map(self._by_hash, calls), lambda pipe: pipe.execute_command(*wait)]
        with reaching():
            # On one connection: WAIT speaks of what its own connection has written.
            *replies, reached = pipelined(self._client, commands)
            if any(isinstance(reply, redis.exceptions.NoScriptError) for reply in replies):
                for name in {call[0] for call in calls}:
                    self._client.script_load(self._source[name])
                *replies, reached = pipelined(self._client, commands)
            for reply in (*replies, reached):
                if isinstance(reply, Exception):
                    raise reply
        if reached < replicas:
            raise BusUnavailable(f"{reached} of {replicas} replicas of the bus server follow it")
        return replies

    def _by_hash(self, call: Call) -> Callable[[Any], Any]:
        name, keys, args = call
        return lambda pipe: pipe.evalsha(self._hash[name], len(keys), *keys, *args)


def _reply(connection: Any) -> Any:
    """One reply, an error as it stands: those behind it have to be read too."""
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def pipelined(client: redis.Redis, commands: Sequence[Callable[[Any], Any]]) -> list[Any]:
    """Send commands together; an error reply stands in its command's place."""
    pipe = client.pipeline(transaction=False)
    for command in commands:
        command(pipe)
    replies: list[Any] = pipe.execute(raise_on_error=False)
    return replies


def block(milliseconds: int) -> tuple[str | int, ...]:
    """The words that make a read wait; none for 0, which the server takes for "for ever"."""
    return ("BLOCK", milliseconds) if milliseconds else ()


def raw_command(client: redis.Redis, *words: Any) -> Any:
    """Send one command as it stands."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _plain(error: Exception) -> str:
    """The client's message without its full stop: ours go on after it."""
    return str(error).rstrip(".")


def _as_sent(reply: Any, **_: Any) -> Any:
    return reply
