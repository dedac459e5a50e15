"""What became of events in the groups that read them: handled, retry, dead letter, waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from events import transport
from events.errors import BusUnavailable
from events.groups import Group, groups
from events.models import ConsumerGroup, DeadLetter, HandledEvent
from events.privacy import masked_text
from events.queries.recorded import Recorded
from events.queries.skips import Skips
from events.queries.snapshot import entry_time
from events.transport.base import Inspector, RetryState, StreamInfo

GRACE_S = 5.0
"""An event on the bus that a group has not finished after this long is overdue.

Chains take milliseconds; a worker that died is noticed after its lease, 30 s by default. In between
a reader wants to know that something is not as usual.
"""

ASK_LIMIT = 100
"""The bus is asked about the retries of this many unsettled events, one round trip each."""

CHUNK = 900
"""Ids in one statement: SQLite's oldest limit on parameters is 999."""

CLOCK_STEP = timedelta(milliseconds=1)
"""Entry ids count whole milliseconds, the store microseconds."""

State = Literal["handled", "ignored", "retry", "dead", "waiting", "overdue", "unknown"]


@dataclass(frozen=True, slots=True)
class Failed:
    """The dead letter of one event in one group, without its body."""

    id: int
    state: str
    error_class: str
    message: str
    first_failed_at: datetime
    last_failed_at: datetime
    attempts: int
    edited: bool = False
    """What was sent last was a payload that an operator had changed."""

    @property
    def open(self) -> bool:
        """Somebody still has to decide about it, or it is being replayed."""
        return self.state in DeadLetter.OPEN


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one event stands in one group. What does not apply to `state` is None or empty."""

    event_id: UUID
    group: str
    domain: str
    state: State
    handled_at: datetime | None = None
    took_s: float | None = None
    attempts: int = 0
    """Attempts made so far."""
    due_at: datetime | None = None
    error: str = ""
    since: datetime | None = None
    """Since when it waits."""
    because: str = ""
    """Why it waits, or why nobody can tell."""
    failed: Failed | None = None

    @property
    def settled(self) -> bool:
        """Nothing more comes of it by itself."""
        if self.state == "dead":
            return self.failed is None or self.failed.state != DeadLetter.State.REPLAYING
        return self.state in ("handled", "ignored")

    @property
    def failing(self) -> bool:
        """It failed, and nobody has put that right."""
        if self.state == "dead":
            return self.failed is None or self.failed.open
        return self.state == "retry"

    @property
    def handled_edited(self) -> bool:
        """What the group has handled is not what was said: an operator has changed the payload."""
        done = self.state in ("handled", "ignored")
        return done and self.failed is not None and self.failed.edited

    @property
    def began_at(self) -> datetime | None:
        """When the handling that succeeded began."""
        if self.handled_at is None or self.took_s is None:
            return None
        return self.handled_at - timedelta(seconds=self.took_s)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """By event, how it stands in every group that reads it, by group name."""

    by_event: Mapping[UUID, tuple[Outcome, ...]]
    bus_reason: str = ""
    """Why the bus could not be asked about what is not settled; else empty."""

    def of(self, event_id: UUID) -> tuple[Outcome, ...]:
        """Outcomes of one event."""
        return self.by_event.get(event_id, ())

    def get(self, event_id: UUID, group: str) -> Outcome | None:
        """The outcome of one event in one group."""
        return next((o for o in self.of(event_id) if o.group == group), None)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What SQL and the bus hold about the events, by event and group."""

    at: datetime
    handled: Mapping[UUID, Mapping[str, Outcome]]
    dead: Mapping[UUID, Mapping[str, Failed]]
    streams: Mapping[str, StreamInfo] = field(default_factory=dict)
    retries: Mapping[UUID, Mapping[str, RetryState]] = field(default_factory=dict)
    skips: Skips = field(default_factory=lambda: Skips({}))
    bus_reason: str = ""

    def lacks(self, record: Recorded, readers: Sequence[Group]) -> bool:
        """Some group that reads the event has not handled it."""
        done = self.handled.get(record.id, {})
        return any(group.name not in done for group in readers)


def outcomes_of(recorded: Sequence[Recorded], at: datetime) -> Outcomes:
    """How these events stand in their groups at `at`.

    Costs three statements per CHUNK events; for what is not settled twice that and one, and one
    round trip to the bus per event (ASK_LIMIT at most) and one more. Never raises for a missing
    bus.
    """
    readers = _readers(recorded)
    ids = [record.id for record in recorded]
    evidence = _Evidence(at, _handled(ids), _dead(ids))
    unsettled = [r for r in recorded if evidence.lacks(r, readers[r.event.event_type])]
    if unsettled:
        evidence = _with_bus(evidence, unsettled, readers)
    return Outcomes(
        {r.id: _outcomes(r, readers[r.event.event_type], evidence) for r in recorded},
        evidence.bus_reason,
    )


def _readers(recorded: Iterable[Recorded]) -> Mapping[str, tuple[Group, ...]]:
    """The declared groups that read each of the types in sight."""
    types = {record.event.event_type for record in recorded}
    reads = [(group, frozenset(group.reads)) for group in groups()]
    return {name: tuple(group for group, names in reads if name in names) for name in types}


def _chunks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _handled(ids: Sequence[UUID]) -> dict[UUID, dict[str, Outcome]]:
    names = dict(ConsumerGroup.objects.values_list("id", "name"))
    domains = {group.name: group.domain for group in groups()}
    found: dict[UUID, dict[str, Outcome]] = defaultdict(dict)
    fields = ("event_id", "group_id", "handled_at", "duration_us", "attempts", "ignored")
    for chunk in _chunks(ids):
        rows = HandledEvent.objects.filter(event_id__in=chunk).values_list(*fields)
        for event_id, group_id, handled_at, duration_us, attempts, ignored in rows:
            name = names.get(group_id, f"group {group_id}")
            found[event_id][name] = Outcome(
                event_id=event_id,
                group=name,
                domain=domains.get(name, ""),
                state="ignored" if ignored else "handled",
                handled_at=handled_at,
                took_s=duration_us / 1_000_000,
                attempts=attempts,
            )
    return found


def _dead(ids: Sequence[UUID]) -> dict[UUID, dict[str, Failed]]:
    found: dict[UUID, dict[str, Failed]] = defaultdict(dict)
    fields = (
        *("event_id", "group_name", "id", "state", "error_class", "message"),
        *("first_failed_at", "last_failed_at", "attempts", "edit_id"),
    )
    for chunk in _chunks(ids):
        rows = DeadLetter.objects.filter(event_id__in=chunk).values_list(*fields)
        for event_id, group, pk, state, error, message, first, last, attempts, edit in rows:
            tries, edited = len(attempts), edit is not None
            failed = Failed(pk, state, error, message, first, last, tries, edited)
            found[event_id][group] = failed
    return found


def _with_bus(
    evidence: _Evidence, unsettled: Sequence[Recorded], readers: Mapping[str, tuple[Group, ...]]
) -> _Evidence:
    """Ask the bus about what SQL does not settle; a bus that is down is a reason, not an error."""
    inspector = transport.current().inspector
    try:
        streams = inspector.streams(sorted({r.event.get_stream_name() for r in unsettled}))
        retries = {
            record.id: _retries(inspector, record, readers) for record in unsettled[:ASK_LIMIT]
        }
    except BusUnavailable as error:
        return replace(evidence, bus_reason=str(error))
    # SQL again: what was settled while the bus was asked must not look as if it were lost.
    ids = [record.id for record in unsettled]
    return replace(
        evidence,
        handled={**evidence.handled, **_handled(ids)},
        dead={**evidence.dead, **_dead(ids)},
        streams=streams,
        retries=retries,
        skips=Skips.of({group.name for found in readers.values() for group in found}),
    )


def _retries(
    inspector: Inspector, record: Recorded, readers: Mapping[str, tuple[Group, ...]]
) -> dict[str, RetryState]:
    names = [group.name for group in readers[record.event.event_type]]
    return inspector.retry_states(record.event.get_stream_name(), record.id, names)


def _outcomes(
    record: Recorded, declared: Sequence[Group], evidence: _Evidence
) -> tuple[Outcome, ...]:
    """One outcome per group that reads the type, and per group that read it once."""
    found = {group.name: _outcome(record, group, evidence) for group in declared}
    for name, outcome in evidence.handled.get(record.id, {}).items():
        found.setdefault(name, outcome)
    for name, failed in evidence.dead.get(record.id, {}).items():
        found.setdefault(name, _dead_outcome(record, name, "", failed))
    return tuple(found[name] for name in sorted(found))


def _outcome(record: Recorded, group: Group, evidence: _Evidence) -> Outcome:
    failed = evidence.dead.get(record.id, {}).get(group.name)
    handled = evidence.handled.get(record.id, {}).get(group.name)
    if handled is not None:
        return replace(handled, failed=failed) if failed else handled
    if failed is not None:
        return _dead_outcome(record, group.name, group.domain, failed)
    retry = evidence.retries.get(record.id, {}).get(group.name)
    if retry is not None:
        return Outcome(
            event_id=record.id,
            group=group.name,
            domain=group.domain,
            state="retry",
            attempts=retry.attempt - 1,
            due_at=retry.due_at,
            error=masked_text(retry.error, record.event),
            since=record.stored_at,
        )
    state, because = _waiting(record, group, evidence)
    return Outcome(
        event_id=record.id,
        group=group.name,
        domain=group.domain,
        state=state,
        since=record.relayed_at or record.stored_at,
        because=because,
    )


def _dead_outcome(record: Recorded, group: str, domain: str, failed: Failed) -> Outcome:
    message = masked_text(failed.message, record.event)
    return Outcome(
        event_id=record.id,
        group=group,
        domain=domain,
        state="dead",
        attempts=failed.attempts,
        error=f"{failed.error_class}: {message}",
        since=failed.last_failed_at,
        failed=failed,
    )


def _waiting(record: Recorded, group: Group, evidence: _Evidence) -> tuple[State, str]:
    """Whether it is normal that nothing is known of this event in this group, and why."""
    if evidence.bus_reason:
        return "unknown", "the bus cannot be asked"
    if record.relayed_at is None:
        return "waiting", "it is stored, and not on the bus yet"
    if group.start == "now":
        return "unknown", "the group reads only what came after it was set up"
    stream = evidence.streams.get(record.event.get_stream_name())
    place = next((p for p in stream.groups if p.name == group.name), None) if stream else None
    if place is None:
        return "overdue", "the group is not set up on the stream"
    delivered_at = entry_time(place.last_delivered_id)
    if delivered_at is None or delivered_at < record.stored_at - CLOCK_STEP:
        return "waiting", "the group has not come to it yet"
    if evidence.skips.cover(record.event.get_stream_name(), group.name, "", record.stored_at):
        return "unknown", "an operator has moved the group past it"
    if group.idempotent:
        return "unknown", "it was delivered; a group whose effects are sets keeps no marks"
    if (evidence.at - record.relayed_at).total_seconds() < GRACE_S:
        return "waiting", "it is being handled"
    return "overdue", "it was delivered, and neither handled nor set aside"
