"""Bugs put into a worker process on purpose: each must turn the oracle red."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from events import execution, groups, reconciler, rows, transport
from events.models import HandledEvent
from events.runner import GroupRunner
from events.transport.base import Delivery, Handled, Redelivery
from events.transport.redis.streams import RedisStreams


def acknowledge_before_handler() -> None:
    accept = GroupRunner.accept

    def hasty(self: GroupRunner, deliveries: Sequence[Delivery]) -> None:
        done = [Handled(delivery) for delivery in deliveries]
        transport.current().streams.settle(self.group.name, done)
        accept(self, deliveries)

    _put(GroupRunner, "accept", hasty)


def no_inbox() -> None:
    def nothing(wanted: object) -> set[Any]:
        return set()

    def mark(marks: Sequence[Any]) -> None:
        rows.insert(HandledEvent, rows.HANDLED, marks, unless_known=True)

    _put(execution, "settled", nothing)
    _put(execution, "mark_handled", mark)


def no_reconciler() -> None:
    groups._jobs.pop("reconcile")
    _put(reconciler, "hurry", lambda: None)


def discard_at_shutdown() -> None:
    """DELCONSUMER with entries still pending takes those entries with it."""

    def delete(self: RedisStreams, stream: str, group: str, consumer: str) -> bool:
        self._commands.xgroup_delconsumer(stream, group, consumer)
        return True

    _put(RedisStreams, "release", lambda *given: None)
    _put(RedisStreams, "remove_consumer", delete)


def short_streams() -> None:
    append = RedisStreams.append

    def trimming(self: RedisStreams, batch: Sequence[Any], *, replicas: int = 0) -> Any:
        appended = append(self, batch, replicas=replicas)
        for stream in {item.stream for item in batch}:
            self._commands.xtrim(stream, maxlen=5, approximate=False)
        return appended

    _put(RedisStreams, "append", trimming)


def begin_at_the_end() -> None:
    """A group found gone is made again at ``$``: what waited for it never comes."""
    create = RedisStreams._create

    def at_the_end(self: RedisStreams, stream: str, group: str, position: str) -> bool:
        return create(self, stream, group, "$")

    _put(RedisStreams, "_create", at_the_end)


def replay_to_all() -> None:
    """What one group failed to do is appended to the stream, for every group that reads it."""

    def append(self: RedisStreams, group: str, batch: Sequence[Redelivery]) -> None:
        for item in batch:
            self._commands.xadd(item.stream, {"id": item.event_id, "e": item.body})

    _put(RedisStreams, "redeliver", append)


def _put(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        acknowledge_before_handler,
        no_inbox,
        no_reconciler,
        discard_at_shutdown,
        short_streams,
        begin_at_the_end,
        replay_to_all,
    )
}
