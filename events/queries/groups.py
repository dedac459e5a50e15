"""One consumer group: what it declares, where it stands on each stream, what failed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.groups import Group, Handler, find, groups
from events.queries.dead_letters import Letter, letters
from events.queries.letter_filter import LetterFilter
from events.queries.snapshot import GroupState, Snapshot, entry_time
from events.registry import EventType
from events.transport.base import StreamInfo, WorkerInfo

FAILURES_SHOWN = 8
"""Newest open failures on a group's page."""


@dataclass(frozen=True, slots=True)
class HandlerView:
    """A handler as it is declared, in words for people."""

    name: str
    summary: str
    """First line of its docstring."""
    reads: tuple[str, ...]
    says: tuple[str, ...]
    always_says: tuple[str, ...]
    narrowed: tuple[str, ...]
    """``kind is like or comment``: what it takes of the types it reads."""
    marks: tuple[str, ...]
    """batch, external, repeatable."""
    max_retries: int
    retry_delay_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where the group stands on one stream. Figures are None where nobody knows."""

    stream: str
    event_type: str
    domain: str
    length: int | None = None
    lag: int | None = None
    pending: int | None = None
    consumers: int | None = None
    delivered_at: datetime | None = None
    """When the newest entry it was given had been appended."""
    newest_at: datetime | None = None
    missing: bool = False
    """The group is not set up on the stream."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group; `state` and `places` are those of the snapshot."""

    name: str
    domain: str
    kind: str
    start: str
    reads: tuple[str, ...]
    says: tuple[str, ...]
    everything: bool
    """It reads every type there is."""
    state: GroupState | None
    handlers: tuple[HandlerView, ...]
    places: tuple[Place, ...]
    workers: tuple[WorkerInfo, ...]
    failures: tuple[Letter, ...]


def names() -> tuple[str, ...]:
    """Every declared group."""
    return tuple(group.name for group in groups())


def streams(name: str) -> tuple[str, ...]:
    """The streams a group reads; none where nobody declares it."""
    group = find(name)
    return group.streams if group else ()


def load(name: str, snapshot: Snapshot) -> GroupView | None:
    """One group, or None when nobody declares it. One statement; the rest is in the snapshot."""
    group = find(name)
    if group is None:
        return None
    streams = {stream.name: stream.info for stream in snapshot.streams}
    return GroupView(
        name=name,
        domain=group.domain,
        kind=group.kind,
        start=group.start,
        reads=group.reads,
        says=group.says,
        everything=any("*" in handler.reads for handler in group.handlers),
        state=snapshot.group(name),
        handlers=tuple(_handler(handler) for handler in group.handlers),
        places=_places(group, streams),
        workers=tuple(worker for worker in snapshot.workers if name in worker.groups),
        failures=letters("open", LetterFilter(group=name), size=FAILURES_SHOWN).rows,
    )


def _handler(handler: Handler) -> HandlerView:
    marks = {
        "batch": handler.batch,
        "external": handler.external,
        "repeatable": handler.repeatable,
        f"depends on {handler.depends_on}": handler.depends_on,
    }
    return HandlerView(
        name=handler.name,
        summary=(handler.function.__doc__ or "").strip().partition("\n")[0],
        reads=handler.reads,
        says=tuple(dict.fromkeys(says.event_type for says in handler.says)),
        always_says=handler.always_says,
        narrowed=(
            *(f"{field} is {_listed(values)}" for field, values in handler.only.items()),
            *(f"{field} is not {_listed(values)}" for field, values in handler.unless.items()),
        ),
        marks=tuple(mark for mark, declared in marks.items() if declared),
        max_retries=handler.policy.max_retries,
        retry_delay_s=handler.policy.base_s,
    )


def _listed(values: object) -> str:
    ordered = sorted(map(str, values)) if isinstance(values, set | frozenset | list | tuple) else []
    return " or ".join(ordered) or str(values)


def _places(group: Group, streams: dict[str, StreamInfo | None]) -> tuple[Place, ...]:
    """Those where something waits first, then by name."""
    places = [_place(group.name, entry, streams.get(entry.stream)) for entry in group.types]
    return tuple(
        sorted(places, key=lambda p: (not p.missing, -(p.lag or 0), -(p.pending or 0), p.stream))
    )


def _place(group: str, entry: EventType, info: StreamInfo | None) -> Place:
    if info is None:
        return Place(entry.stream, entry.name, entry.domain)
    at = next((place for place in info.groups if place.name == group), None)
    return Place(
        stream=entry.stream,
        event_type=entry.name,
        domain=entry.domain,
        length=info.length,
        lag=at.lag if at else None,
        pending=at.pending if at else None,
        consumers=at.consumers if at else None,
        delivered_at=entry_time(at.last_delivered_id) if at else None,
        newest_at=entry_time(info.last_id),
        missing=at is None,
    )
