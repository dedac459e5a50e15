"""One stream of the registry: the groups on it, its newest entries, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from events import transport
from events.envelope import readable
from events.groups import groups
from events.queries.lines import Line
from events.queries.snapshot import Snapshot, StreamState, entry_time
from events.queries.tail import Seen
from events.queries.words import summary
from events.registry import registry
from events.transport.base import StreamGroup, TailEntry

NEWEST_SHOWN = 20
"""Newest entries on a stream's page."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream, as a line. Payloads come masked."""

    entry_id: str
    line: Line
    says: str
    """In a few words; empty where it is no event."""


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Where one group stands on the stream. Figures are None where nobody knows."""

    group: str
    domain: str
    """Empty where nobody declares the group."""
    lag: int | None = None
    pending: int | None = None
    oldest_waiting_at: datetime | None = None
    """When the first entry that it was not given yet was appended."""
    delivered_at: datetime | None = None
    """When the newest entry it was given had been appended."""
    missing: bool = False
    """It is declared, the stream was read, and the group is not on it."""


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream; `state` is that of the snapshot."""

    state: StreamState
    type_label: str
    """``Trading.TradeExecuted.v1``: its version of the type, as the registry's pages are called."""
    description: str
    places: tuple[GroupPlace, ...]


def load(name: str, snapshot: Snapshot) -> StreamView | None:
    """One stream, or None when no registered type has it. Asks nobody: all is in the snapshot."""
    entry = registry.by_stream(name)
    state = next((stream for stream in snapshot.streams if stream.name == name), None)
    if entry is None or state is None:
        return None
    return StreamView(state, entry.label, entry.description, _places(state, snapshot))


def newest(name: str, count: int = NEWEST_SHOWN) -> tuple[Entry, ...]:
    """What was appended last, newest first. One command. Raises BusUnavailable."""
    return tuple(map(_entry, transport.current().inspector.newest(name, count)))


def memory_bytes(names: Sequence[str]) -> Mapping[str, int]:
    """What streams take, estimated; those that do not exist are absent. One command for each, in
    one round trip. Raises BusUnavailable."""
    return transport.current().inspector.memory_bytes(names)


def _entry(found: TailEntry) -> Entry:
    event = readable(found.body)
    return Entry(found.entry_id, Seen(found).line, summary(event) if event else "")


def _places(state: StreamState, snapshot: Snapshot) -> tuple[GroupPlace, ...]:
    """Groups that stand on the stream or should; those that are behind first, then by name."""
    domains = {group.name: group.domain for group in groups() if state.name in group.streams}
    standing = {place.name: place for place in state.info.groups} if state.info else {}
    found = [
        _place(state, name, domains.get(name, ""), standing.get(name), snapshot)
        for name in {*domains, *standing}
    ]
    return tuple(
        sorted(found, key=lambda p: (not p.missing, -(p.lag or 0), -(p.pending or 0), p.group))
    )


def _place(
    state: StreamState, group: str, domain: str, at: StreamGroup | None, snapshot: Snapshot
) -> GroupPlace:
    if at is None:
        return GroupPlace(group, domain, missing=state.info is not None)
    return GroupPlace(
        group=group,
        domain=domain,
        lag=at.lag,
        pending=at.pending,
        oldest_waiting_at=entry_time(snapshot.undelivered.get((state.name, at.last_delivered_id))),
        delivered_at=entry_time(at.last_delivered_id),
    )
