"""Snapshots of an invented bus."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from events.queries.snapshot import (
    BusState,
    GroupState,
    RelayState,
    Snapshot,
    StreamState,
)
from events.transport.base import ServerInfo, StreamInfo, WorkerInfo

NOW = datetime(2026, 7, 1, 14, 2, 11, tzinfo=UTC)

SERVER = ServerInfo("Valkey", "9.0", 1000, 0, 60, "noeviction")


def group(name: str = "revenue_trackers", **values: object) -> GroupState:
    """A group that keeps up."""
    given: dict[str, object] = {
        "domain": "financial",
        "kind": "X",
        "reads": 4,
        "lag": 0,
        "oldest_waiting_s": 0.0,
        "pending": 0,
        "retries_waiting": 0,
        "workers": 1,
        "delivered": 100,
        "added": 100,
    }
    return GroupState(name=name, **{**given, **values})  # type: ignore[arg-type]


def behind(name: str, seconds: float, lag: int = 50, at: datetime = NOW) -> GroupState:
    """A group whose oldest entry waits for so long."""
    return group(
        name, lag=lag, oldest_waiting_s=seconds, oldest_waiting_at=at - timedelta(seconds=seconds)
    )


def worker(name: str = "host:1:a", **values: object) -> WorkerInfo:
    """A worker that lives."""
    given: dict[str, object] = {
        "kind": "worker",
        "host": "host",
        "pid": 1,
        "version": "0.1.0",
        "started_at": NOW,
        "beat_at": NOW,
    }
    return WorkerInfo(name=name, **{**given, **values})  # type: ignore[arg-type]


def stream(domain: str, added: int, event_type: str = "") -> StreamState:
    """A stream to which so much was added."""
    name = f"astra.{domain}.something.v1"
    info = StreamInfo(name, added, "1-0", "2-0", added)
    return StreamState(name, domain, event_type or f"{domain.title()}.Something", info)


def snapshot(*groups: GroupState, **values: object) -> Snapshot:
    """A quiet bus with one worker."""
    dead: Mapping[str, int] = {g.name: g.dead_letters for g in groups if g.dead_letters}
    given: dict[str, object] = {
        "at": NOW,
        "bus": BusState(reachable=True, server=SERVER),
        "streams": (stream("trading", 500), stream("nft", 20)),
        "workers": (worker(),),
        "relay": RelayState(),
        "dead_letters_open": sum(dead.values()),
        "dead_letters_by_group": dead,
    }
    return Snapshot(groups=groups, **{**given, **values})  # type: ignore[arg-type]


def away(*groups: GroupState, **values: object) -> Snapshot:
    """The bus does not answer: its figures are unknown."""
    unknown = tuple(GroupState(g.name, g.domain, g.kind, g.reads) for g in groups)
    bus = BusState(reachable=False, reason="the bus server does not answer: refused")
    return snapshot(*unknown, bus=bus, streams=(), workers=(), **values)
