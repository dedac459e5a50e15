"""Where the time of a chain went: handling, waiting, or on its way to the bus. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.queries.outcomes import Outcome, Outcomes
from events.queries.recorded import Recorded


@dataclass(frozen=True, slots=True)
class TimeShares:
    """The path to the event said last by what it was spent on, in seconds.

    handling  a group was at work
    waiting   the event was on the bus and its group had not come to it
    bus       from the commit until the event was on the bus
    """

    handling_s: float = 0.0
    waiting_s: float = 0.0
    bus_s: float = 0.0

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.handling_s + self.waiting_s + self.bus_s

    def percent(self) -> tuple[tuple[str, int], ...]:
        """What it was spent on and how much of the whole, largest first; empty for nothing."""
        if not self.total_s:
            return ()
        named = (
            ("handling", self.handling_s),
            ("waiting", self.waiting_s),
            ("bus", self.bus_s),
        )
        ordered = sorted(named, key=lambda part: part[1], reverse=True)
        return tuple((name, round(100 * part / self.total_s)) for name, part in ordered)


def last_said_at(recorded: Sequence[Recorded]) -> datetime:
    """When the newest event of the chain was stored."""
    return max(record.stored_at for record in recorded)


def last_handled_at(recorded: Sequence[Recorded], outcomes: Outcomes) -> datetime:
    """When anything last happened to an event of the chain: said, or handled by some group."""
    ended = [outcome.handled_at for r in recorded for outcome in outcomes.of(r.id)]
    return max([last_said_at(recorded), *(at for at in ended if at is not None)])


def shares(recorded: Sequence[Recorded], outcomes: Outcomes) -> TimeShares:
    """Walk back from the event that was said last to the root, and add up each stretch once."""
    by_id = {record.id: record for record in recorded}
    last = max(recorded, key=lambda record: record.stored_at)
    until = last.stored_at
    outcome, record = _maker(last, by_id, outcomes)
    handling = waiting = bus = 0.0
    seen: set[UUID] = set()
    while record is not None and outcome is not None and record.id not in seen:
        seen.add(record.id)
        began = _between(record.stored_at, outcome.began_at or until, until)
        relayed = _between(record.stored_at, record.relayed_at or began, began)
        handling += (until - began).total_seconds()
        waiting += (began - relayed).total_seconds()
        bus += (relayed - record.stored_at).total_seconds()
        until = record.stored_at
        outcome, record = _maker(record, by_id, outcomes)
    return TimeShares(max(0.0, handling), waiting, bus)


def _maker(
    record: Recorded, by_id: dict[UUID, Recorded], outcomes: Outcomes
) -> tuple[Outcome | None, Recorded | None]:
    """The handling that said the event, and the event that was handled."""
    cause = record.event.causation_id
    if cause is None or cause not in by_id:
        return None, None
    return outcomes.get(cause, record.said_by), by_id[cause]


def _between(low: datetime, value: datetime, high: datetime) -> datetime:
    return max(low, min(value, high))
