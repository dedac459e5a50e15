"""One bounded reading of everything: bus, streams, groups, workers and relay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.db.models import Count

from events import transport
from events.audit import DATA_LOST, ENTRIES_LOST, PUT_BACK
from events.conf import bus_settings
from events.envelope import now
from events.errors import BusUnavailable
from events.groups import Group, groups
from events.models import AuditEntry, DeadLetter, PausedGroup, StoredEvent
from events.pressure import Pressure, too_much
from events.queries.failure_notes import silenced_by_group
from events.registry import registry
from events.transport.base import (
    Inspector,
    RetryInfo,
    ServerInfo,
    StreamGroup,
    StreamInfo,
    WorkerInfo,
)

RELAY_COUNT_CAP = 10_000
"""Unrelayed rows are counted up to here, so that a long outage does not slow the reading of it."""

NOT_READ = "the bus cannot be reached"

LOSSES_SHOWN = timedelta(hours=1)
"""How long what the bus had lost is worth a word after it was put back."""


@dataclass(frozen=True, slots=True)
class BusState:
    """Whether the bus server answered; `reason` is a sentence when it did not."""

    reachable: bool
    reason: str = ""
    server: ServerInfo | None = None


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream of the registry; without `info` it does not exist (yet) or could not be read."""

    name: str
    domain: str
    event_type: str
    info: StreamInfo | None = None
    version: int = 1

    @property
    def length(self) -> int | None:
        """Entries in the stream now, or None when that is not known."""
        return self.info.length if self.info else None

    @property
    def newest_at(self) -> datetime | None:
        """When the newest entry was appended, by the server's clock."""
        return entry_time(self.info.last_id) if self.info else None


@dataclass(frozen=True, slots=True)
class Pause:
    """That an operator has paused a group."""

    actor: str
    via: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class GroupState:
    """How one consumer group stands. A figure that is None is unknown, never zero."""

    name: str
    domain: str
    kind: str
    reads: int
    lag: int | None = None
    """Entries appended and not yet delivered, over all its streams."""
    lag_unknown_because: str = ""
    oldest_waiting_at: datetime | None = None
    oldest_waiting_s: float | None = None
    """Age of the oldest entry not yet delivered; 0.0 when none waits, None when unknown."""
    pending: int | None = None
    """Entries delivered and not yet acknowledged."""
    retries_waiting: int | None = None
    next_retry_at: datetime | None = None
    workers: int = 0
    dead_letters: int = 0
    delivered: int | None = None
    """Entries it has finished since its streams began: grows at the rate of handling."""
    added: int | None = None
    """Entries ever appended to its streams: grows at the rate of what comes in."""
    breakers: Mapping[str, int] = field(default_factory=dict)
    """What its handlers depend on and has failed, with how many workers have given it up for
    now."""
    paused: Pause | None = None
    finishing: int = 0
    """Of a paused group: workers that have not said yet that they stand still."""

    @property
    def quiet(self) -> bool:
        """Nothing waits, nothing failed, and all of that is known."""
        troubled = self.retries_waiting or self.dead_letters or self.breakers or self.paused
        return self.lag == 0 and not troubled


@dataclass(frozen=True, slots=True)
class RelayState:
    """Events accepted in SQL that are not on the bus yet; `waiting` stops at RELAY_COUNT_CAP."""

    waiting: int = 0
    oldest_at: datetime | None = None

    @property
    def capped(self) -> bool:
        """There are at least `waiting`, perhaps more."""
        return self.waiting >= RELAY_COUNT_CAP


@dataclass(frozen=True, slots=True)
class Losses:
    """What the bus was found to have lost lately, and was given back."""

    at: datetime
    """When the last of it was found."""
    everything: bool
    """The server came back without its data; else single entries were gone."""
    put_back: Mapping[str, int]
    """Deliveries by group."""
    unknown: int = 0
    """Entries that were gone and are not in the store: nobody knows what they were."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as of `at`. Rates come from the difference of two of them."""

    at: datetime
    bus: BusState
    streams: tuple[StreamState, ...]
    groups: tuple[GroupState, ...]
    workers: tuple[WorkerInfo, ...] = ()
    relay: RelayState = RelayState()
    dead_letters_open: int = 0
    dead_letters_by_group: Mapping[str, int] = field(default_factory=dict)
    dead_letters_silenced: Mapping[str, int] = field(default_factory=dict)
    """Those of them whose failure somebody has silenced."""
    faults: str = ""
    """What the live workers inject on purpose; empty when nothing is."""
    pressure: Pressure = field(default_factory=Pressure)
    """Why the relay goes slowly, and on which streams."""
    losses: Losses | None = None
    """Of the last hour."""
    backlog_cap: int = 0
    """Entries a group may be behind on one stream until nothing is added to it; 0: no cap."""
    undelivered: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    """By stream and last delivered id: the first entry after it."""

    def group(self, name: str) -> GroupState | None:
        """The state of the group called `name`."""
        return next((group for group in self.groups if group.name == name), None)

    def worst_first(self) -> tuple[GroupState, ...]:
        """The groups, those that need somebody first."""
        return tuple(sorted(self.groups, key=_badness))


def _badness(group: GroupState) -> tuple[int, int, int, int, str]:
    """Sorts the worst first: unknown, then by age of the oldest waiting, failures, lag."""
    return (
        0 if group.lag is None else 1,
        -int(group.oldest_waiting_s or 0),
        -group.dead_letters,
        -((group.lag or 0) + (group.retries_waiting or 0)),
        group.name,
    )


def take() -> Snapshot:
    """Read everything once; never raises for a missing bus, whose figures are then None.

    Costs eight SQL statements, three more while a failure is silenced, and five pipelined round
    trips to the bus, O(streams + groups).
    """
    at = now()
    dead = dead_letters_by_group()
    paused = pauses()
    reading = _read_bus(at)
    return Snapshot(
        at=at,
        bus=reading.bus,
        streams=tuple(
            StreamState(k.stream, k.domain, k.name, reading.streams.get(k.stream), k.version)
            for k in registry.all()
        ),
        groups=tuple(
            replace(_group_state(group, reading, dead), paused=paused.get(group.name))
            for group in groups()
        ),
        workers=reading.workers,
        relay=relay_state(),
        dead_letters_open=sum(dead.values()),
        dead_letters_by_group=dead,
        dead_letters_silenced=silenced_by_group(at),
        faults=", ".join(sorted({worker.faults for worker in reading.workers if worker.faults})),
        pressure=too_much(reading.bus.server, reading.streams),
        losses=losses_since(at - LOSSES_SHOWN),
        backlog_cap=bus_settings().backlog_cap,
        undelivered=reading.undelivered,
    )


def relay_state() -> RelayState:
    """What waits in SQL for the bus: two statements on the index of unrelayed rows."""
    unrelayed = StoredEvent.objects.filter(relayed_at__isnull=True)
    waiting = unrelayed[:RELAY_COUNT_CAP].count()
    if not waiting:
        return RelayState()
    oldest = unrelayed.order_by("seq").values_list("stored_at", flat=True).first()
    return RelayState(waiting, oldest)


def losses_since(since: datetime) -> Losses | None:
    """What the reconciler found lost since then: one statement."""
    rows = AuditEntry.objects.filter(action__in=(DATA_LOST, PUT_BACK, ENTRIES_LOST), at__gte=since)
    found = list(rows.order_by("seq").values_list("at", "action", "target", "details"))
    if not found:
        return None
    put_back: Counter[str] = Counter()
    unknown = 0
    for _, action, target, details in found:
        if action == PUT_BACK:
            put_back[target] += int(details.get("count", 0))
        elif action == ENTRIES_LOST:
            unknown += int(details.get("count", 0))
    everything = any(action == DATA_LOST for _, action, _, _ in found)
    return Losses(found[-1][0], everything, dict(put_back), unknown)


def pauses() -> dict[str, Pause]:
    """Groups that are paused: one statement."""
    rows = PausedGroup.objects.values_list("group_name", "actor", "via", "reason", "paused_at")
    return {name: Pause(actor, via, why, at) for name, actor, via, why, at in rows}


def dead_letters_by_group() -> dict[str, int]:
    """Open dead letters per group: a statement per open state, each along an index that has all."""
    counts: Counter[str] = Counter()
    for state in DeadLetter.OPEN:
        rows = DeadLetter.objects.filter(state=state).order_by().values_list("group_name")
        counts.update(dict(rows.annotate(count=Count("*"))))
    return dict(counts)


def entry_time(entry_id: str | None) -> datetime | None:
    """When an entry was appended: its id begins with the server's clock in ms. None for none."""
    milliseconds = int((entry_id or "0").partition("-")[0] or 0)
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the bus said, not yet by group."""

    at: datetime
    bus: BusState
    streams: Mapping[str, StreamInfo] = field(default_factory=dict)
    retries: Mapping[tuple[str, str], RetryInfo] = field(default_factory=dict)
    undelivered: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    workers: tuple[WorkerInfo, ...] = ()


def _read_bus(at: datetime) -> _Reading:
    inspector: Inspector = transport.current().inspector
    names = [kind.stream for kind in registry.all()]
    try:
        streams = inspector.streams(names)
        return _Reading(
            at=at,
            bus=BusState(reachable=True, server=inspector.server()),
            streams=streams,
            retries=inspector.retries(_present_pairs(streams)),
            undelivered=inspector.next_undelivered(_behind(streams.values())),
            workers=inspector.workers(),
        )
    except BusUnavailable as error:
        return _Reading(at=at, bus=BusState(reachable=False, reason=str(error)))


def _present_pairs(streams: Mapping[str, StreamInfo]) -> list[tuple[str, str]]:
    return [(s, group.name) for group in groups() for s in group.streams if s in streams]


def _behind(streams: Iterable[StreamInfo]) -> list[tuple[str, str]]:
    """Positions after which something lies; many groups share one, so it is asked once."""
    return sorted(
        {
            (stream.name, group.last_delivered_id)
            for stream in streams
            for group in stream.groups
            if stream.length and _position(group.last_delivered_id) < _position(stream.last_id)
        }
    )


def _position(entry_id: str | None) -> tuple[int, int]:
    milliseconds, _, sequence = (entry_id or "0-0").partition("-")
    return int(milliseconds), int(sequence or 0)


def _group_state(group: Group, reading: _Reading, dead: Mapping[str, int]) -> GroupState:
    state = GroupState(
        name=group.name,
        domain=group.domain,
        kind=group.kind,
        reads=len(group.reads),
        dead_letters=dead.get(group.name, 0),
        lag_unknown_because="" if reading.bus.reachable else NOT_READ,
    )
    return _with_figures(state, group, reading) if reading.bus.reachable else state


def _with_figures(state: GroupState, group: Group, reading: _Reading) -> GroupState:
    present = [reading.streams[name] for name in group.streams if name in reading.streams]
    places = [(stream, place) for stream in present if (place := _place(stream, group.name))]
    retries = [reading.retries.get((stream.name, group.name), RetryInfo()) for stream in present]
    oldest = _oldest_waiting(places, reading.undelivered)
    lag, because = _lag(group.name, present)
    return replace(
        state,
        lag=lag,
        lag_unknown_because=because,
        oldest_waiting_at=oldest,
        oldest_waiting_s=max(0.0, (reading.at - oldest).total_seconds()) if oldest else 0.0,
        pending=sum(place.pending for _, place in places) + sum(r.pending for r in retries),
        retries_waiting=sum(retry.waiting for retry in retries),
        next_retry_at=min((r.next_due_at for r in retries if r.next_due_at), default=None),
        workers=sum(group.name in worker.groups for worker in reading.workers),
        finishing=sum(
            group.name in worker.groups and group.name not in worker.paused
            for worker in reading.workers
        ),
        breakers=_left_alone(group.name, reading.workers),
        delivered=_finished(places),
        added=sum(stream.entries_added for stream in present),
    )


def _left_alone(group: str, workers: Iterable[WorkerInfo]) -> dict[str, int]:
    """What a group's handlers depend on and has failed, with how many workers say so."""
    # No Counter: a template that asks it for its items is given the count of "items".
    return dict(Counter(name for worker in workers for name in worker.breakers.get(group, ())))


def _place(stream: StreamInfo, group: str) -> StreamGroup | None:
    return next((place for place in stream.groups if place.name == group), None)


def _lag(group: str, present: Sequence[StreamInfo]) -> tuple[int | None, str]:
    """Entries not delivered yet, or None and the reason why nobody can tell."""
    total = 0
    for stream in present:
        place = _place(stream, group)
        if place is None:
            return None, f"{group} is not set up on {stream.name}: run setup_streams"
        if place.lag is None and _position(place.last_delivered_id) < _position(stream.last_id):
            return None, f"the server lost count of {stream.name}: its group was moved"
        total += place.lag or 0
    return total, ""


def _oldest_waiting(
    places: Sequence[tuple[StreamInfo, StreamGroup]],
    undelivered: Mapping[tuple[str, str], str | None],
) -> datetime | None:
    """When the oldest entry that was not delivered yet was appended; None when there is none."""
    firsts = (undelivered.get((stream.name, place.last_delivered_id)) for stream, place in places)
    return min((time for first in firsts if (time := entry_time(first))), default=None)


def _finished(places: Sequence[tuple[StreamInfo, StreamGroup]]) -> int | None:
    """Entries read and acknowledged. The server keeps no count for a group that never read from a
    stream; what was added and does not wait was then read."""
    total = 0
    for stream, place in places:
        read = place.entries_read
        if read is None and place.lag is not None:
            read = stream.entries_added - place.lag
        if read is None:
            return None
        total += read - place.pending
    return total
