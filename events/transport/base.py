"""What a bus must be able to do: small contracts and a read side.

What an operator mends by hand is a contract of its own, in `mending.py`.

Implemented by `redis` (Redis or Valkey) and `memory` (tests, or no server at all); one
contract suite runs against both. Times are Unix seconds unless a name says otherwise.
Every method raises BusUnavailable when the server cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from events.transport.mending import Held, Mending, PendingEntry, WaitingRetry
    from events.transport.moving import Moving

RELEASED = "_released"
"""Consumer that holds entries handed back by a stopping worker until another takes them."""

RETRY_LOOK = 10_000
"""Most entries of a retry stream that are looked through for an event."""

RELEASED_IDLE_MS = 86_400_000
"""Idle time given to a handed-back entry, so that the next sweep takes it at once."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """One failed attempt, carried along with the retry."""

    at: str
    """ISO 8601, UTC."""
    error: str
    message: str
    worker: str


class Append(msgspec.Struct, frozen=True, gc=False):
    """One event to be put on a stream."""

    stream: str
    event_id: UUID
    body: bytes


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands on its stream."""

    event_id: UUID
    entry_id: str | None
    """None when it was appended earlier and its entry is no longer there."""
    duplicate: bool = False
    """It was appended earlier; this time nothing was."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """An entry given to a consumer."""

    stream: str
    """The event's own stream, also when it came by the retry stream."""
    entry_id: str
    event_id: str
    """As written by the one who appended it; may be anything when they did not keep to the form."""
    body: bytes
    retry: bool = False
    """It came by the group's retry stream."""
    redelivered: bool = False
    """An operator asked for it."""
    failures: tuple[Failure, ...] = ()
    starts: int = 1
    """How often its handling was begun, this time included."""

    @property
    def attempt(self) -> int:
        """Number of this attempt; 1 is the first."""
        return len(self.failures) + 1


class Handled(msgspec.Struct, frozen=True, gc=False):
    """Settle: done with this entry, whatever came of it."""

    delivery: Delivery


class RetryLater(msgspec.Struct, frozen=True, gc=False):
    """Settle: done with this entry, run it again at `due_at`."""

    delivery: Delivery
    due_at: float
    failures: tuple[Failure, ...]


Settlement = Handled | RetryLater


class Redelivery(msgspec.Struct, frozen=True, gc=False):
    """An event for one group's eyes only."""

    stream: str
    event_id: str
    body: bytes
    asked: bool = True
    """An operator asked for it; False where the bus had lost it, which is a first delivery."""


Start = Literal["beginning", "now"]

Whereabouts = Literal["undelivered", "pending", "retry", "gone", "unknown"]
"""Where an event stands for one group: still to be delivered, with a consumer, waiting for (or on
its way to) another attempt; `gone` when the bus holds nothing of it for that group, be it done or
lost; `unknown` when that cannot be told within bounds."""


class Reader(Protocol):
    """One group's reads on a connection of its own, so that one thread can await many of them."""

    def ask(self, count: int) -> None:
        """Begin to wait for entries, at most `count` per stream; nothing while it waits already."""

    def take(self) -> list[Delivery]:
        """What has arrived, retries included; empty when the wait was in vain or still goes on.

        Never waits. Raises GroupMissing when stream or group is gone; `ask` anew after any answer.
        """

    def close(self) -> list[Delivery]:
        """Stop waiting, at once; gives entries that were on their way, to be handed back."""


class Streams(Protocol):
    """The entries of the bus and who reads them."""

    def append(self, batch: Sequence[Append], *, replicas: int = 0) -> list[Appended]:
        """Put events on their streams, in order per stream; ids seen lately are not put again.

        Raises BusUnavailable when not so many `replicas` have them in time: the events stand, and
        a failover may forget them.
        Of an id that comes twice the first is put. One call per stream and `append_batch` events.
        """

    def ensure_group(self, stream: str, group: str, start: Start = "beginning") -> bool:
        """Create stream, retry stream and group where absent; True when the group is new."""

    def read(
        self, group: str, consumer: str, streams: Sequence[str], count: int, block_ms: int
    ) -> list[Delivery]:
        """New entries for this consumer, at most `count` per stream; retries included.

        Waits up to `block_ms` when there are none. Raises GroupMissing when stream or group is
        gone.
        """

    def reader(self, group: str, consumer: str, streams: Sequence[str]) -> Reader:
        """A reader of the group's streams and retry streams; connects when it first asks."""

    def wait(self, readers: Sequence[Reader], timeout_s: float) -> list[Reader]:
        """Those of our readers that have something to take, waiting for the first up to the time.

        A reader that has waited longer than any answer takes is among them: `take` says what is
        wrong.
        """

    def settle(self, group: str, settlements: Sequence[Settlement]) -> list[bool]:
        """Acknowledge, and schedule what is to be retried; False: another had settled it.

        Of several Handled of one stream the server tells how many were ours: all say False where
        some were not. Each RetryLater is told by itself: it is scheduled only where it was ours.
        """

    def settle_all(self, work: Mapping[str, Sequence[Settlement]]) -> dict[str, list[bool]]:
        """`settle` for several groups in one round trip."""

    def promote(self, stream: str, group: str, now: float, limit: int = 100) -> int:
        """Move retries that are due to the group's retry stream; returns how many."""

    def redeliver(self, group: str, batch: Sequence[Redelivery]) -> None:
        """Put events on the group's own retry stream, as an operator asked."""

    def reclaim(
        self, stream: str, group: str, consumer: str, min_idle_s: float, count: int = 100
    ) -> list[Delivery]:
        """Take over entries idle for `min_idle_s`, going on where the last sweep stopped.

        `starts` of what comes back is not raised: `begin` does that.
        """

    def begin(self, group: str, consumer: str, delivery: Delivery) -> Delivery | None:
        """Count one start of a reclaimed entry; None when it is no longer ours."""

    def renew(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        """Make entries that are still ours young again."""

    def release(self, group: str, consumer: str, deliveries: Sequence[Delivery]) -> None:
        """Hand entries that were not begun back, so that another takes them at once."""

    def remove_consumer(self, stream: str, group: str, consumer: str) -> bool:
        """Remove a consumer that holds nothing; False when it still holds entries."""

    def move(self, stream: str, group: str, position: str, entries_read: int | None = None) -> None:
        """Let a group go on reading after this entry: ``"beginning"``, ``"end"`` or an entry's id.

        What its consumers hold stays theirs. The server can no longer count how far it is behind,
        unless it is told how many entries there were up to that one. Raises GroupMissing.
        """

    def trim(self, stream: str, before_ms: int, *, exact: bool = False) -> int:
        """Drop entries older than `before_ms` that every group has finished; returns how many.

        The server drops whole nodes of about a hundred entries, which costs least; `exact` drops
        each entry there is to drop.
        """


class Leases(Protocol):
    """Who does the periodic work."""

    def acquire(self, name: str, token: str, ttl_s: float) -> bool:
        """Take or renew a lease; False when another holds it."""

    def drop(self, name: str, token: str) -> None:
        """Give a lease back, if it is still ours."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A process as its last heartbeat described it."""

    name: str
    kind: str
    """worker, scheduler, web or simulator."""
    host: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    groups: tuple[str, ...] = ()
    in_flight: int = 0
    handled: int = 0
    retried: int = 0
    dead: int = 0
    rate_per_s: float = 0.0
    faults: str = ""
    draining: bool = False
    breakers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By group what its handlers depend on and it has given up for now."""
    paused: tuple[str, ...] = ()
    """Groups of which it neither reads, runs nor holds anything, as an operator has asked."""


class Presence(Protocol):
    """Which processes are alive."""

    def beat(self, worker: WorkerInfo, ttl_s: float) -> None:
        """Say that a process is alive."""

    def leave(self, name: str) -> None:
        """Say that a process has ended by its own will."""

    def alive(self) -> tuple[WorkerInfo, ...]:
        """Every process heard of lately, by name."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The bus server as it describes itself; `max_memory_bytes` 0 means no limit."""

    name: str
    version: str
    used_memory_bytes: int
    max_memory_bytes: int
    uptime_s: int
    policy: str
    append_only: bool = True
    """It writes what it is told to a file, before it answers."""


@dataclass(frozen=True, slots=True)
class StreamGroup:
    """One group on one stream; `entries_read` and `lag` are None where the server cannot tell."""

    name: str
    consumers: int
    pending: int
    last_delivered_id: str
    entries_read: int | None
    lag: int | None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream; ids are ``ms-seq``, empty ids mean that it holds nothing."""

    name: str
    length: int
    first_id: str
    last_id: str
    entries_added: int
    groups: tuple[StreamGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsumerInfo:
    """A consumer of one group on one stream."""

    stream: str
    group: str
    name: str
    pending: int
    """Entries it holds there, retries included."""


@dataclass(frozen=True, slots=True)
class RetryInfo:
    """What waits in one group's retries of one stream."""

    waiting: int = 0
    """For their time, or for a consumer."""
    next_due_at: datetime | None = None
    pending: int = 0
    woken: int = 0
    """Of those that wait: their time has come, and no consumer has been given them yet."""


@dataclass(frozen=True, slots=True)
class RetryState:
    """One event that waits for its next attempt."""

    due_at: datetime
    attempt: int
    error: str


class TailEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry as somebody who only looks sees it."""

    stream: str
    entry_id: str
    event_id: str
    body: bytes


class Inspector(Protocol):
    """The read side: looking changes nothing. Each method is one round trip."""

    def server(self) -> ServerInfo:
        """Version, memory and policy of the server."""

    def streams(self, names: Sequence[str]) -> dict[str, StreamInfo]:
        """Streams and the groups on them; a stream that does not exist is absent."""

    def next_undelivered(
        self, positions: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], str | None]:
        """For each (stream, last delivered id): the id of the first entry after it, or None."""

    def consumers(self, pairs: Sequence[tuple[str, str]]) -> list[ConsumerInfo]:
        """For each (stream, group): its consumers, on the stream and on its retry stream."""

    def retries(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RetryInfo]:
        """For each (stream, group): what waits for a retry."""

    def retry_states(
        self, stream: str, event_id: UUID, groups: Sequence[str]
    ) -> dict[str, RetryState]:
        """By group: the retry this event waits for; groups where it waits for none are absent."""

    def waiting_retries(
        self, pairs: Sequence[tuple[str, str]], limit: int, event_ids: Sequence[str] = ()
    ) -> list[WaitingRetry]:
        """Of each (stream, group) the retries of these events, or of any: those due first, at most
        `limit` in all. Two round trips, two commands for each pair."""

    def pending_entries(
        self, pairs: Sequence[tuple[str, str]], limit: int, consumer: str = ""
    ) -> list[PendingEntry]:
        """Of each (stream, group) what is held, by this consumer or by any, the oldest entries
        first, at most `limit` in all. Two round trips, three commands for each pair and one for
        each entry; nothing is claimed."""

    def pending_at(self, group: str, places: Sequence[Held]) -> list[PendingEntry | None]:
        """What is held at these places now, whoever holds it; None where nobody does. One round
        trip, two commands for each."""

    def whereabouts(
        self, stream: str, group: str, wanted: Sequence[tuple[UUID, str]]
    ) -> dict[UUID, Whereabouts]:
        """Where events of one stream (id, and entry id or '') stand for one group.

        Two round trips whatever their number, four commands for each event that was delivered;
        a group's waiting redeliveries are looked through up to RETRY_LOOK of them.
        """

    def incarnation(self) -> tuple[str, str]:
        """Two words: one that changes when the server has lost its data (flush, empty start), one
        that changes when another server answers or it was started again."""

    def tail(self, positions: Mapping[str, str], count: int, block_ms: int) -> list[TailEntry]:
        """Entries after the given ids, at most `count` per stream, waiting up to `block_ms`."""

    def last_ids(self, names: Sequence[str]) -> dict[str, str]:
        """Id of the newest entry of each stream, ``0-0`` where there is none."""

    def newest(self, stream: str, count: int) -> list[TailEntry]:
        """The newest entries of one stream, newest first, at most `count`. One command."""

    def memory_bytes(self, names: Sequence[str]) -> dict[str, int]:
        """What each stream takes with the groups on it, estimated from a few of its nodes; a
        stream that does not exist is absent. Retries and remembered ids are not in it."""

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Every process heard of lately."""


@dataclass(frozen=True, slots=True)
class Transport:
    """A bus: its contracts and its read side."""

    streams: Streams
    leases: Leases
    presence: Presence
    inspector: Inspector
    mending: Mending
    moving: Moving
    name: str = field(default="")
    shared: bool = field(default=True)
    """Other processes are on the same bus."""


class GroupMissing(Exception):
    """A stream or group that was set up is gone (flush, eviction, failover)."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
