"""Where the time of a chain went: handling, waiting, or on its way to the bus. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.queries.outcomes import Outcome, Outcomes
from events.queries.recorded import Recorded


@dataclass(frozen=True, slots=True)
class TimeShares:
    """The longest path of a chain by what it was spent on, in seconds.

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


def last_activity(recorded: Sequence[Recorded], outcomes: Outcomes) -> datetime:
    """When anything last happened to an event of the chain."""
    stored = max(record.stored_at for record in recorded)
    return max(stored, *(ended for _, _, ended in _endings(recorded, outcomes)), stored)


def shares(recorded: Sequence[Recorded], outcomes: Outcomes) -> TimeShares:
    """Walk back from the handling that ended last to the root, and add up each stretch once."""
    last = max(_endings(recorded, outcomes), key=lambda ending: ending[2], default=None)
    if last is None:
        return TimeShares()
    by_id = {record.id: record for record in recorded}
    record: Recorded | None = last[0]
    outcome: Outcome | None = last[1]
    until = last[2]
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


def _endings(
    recorded: Sequence[Recorded], outcomes: Outcomes
) -> Iterator[tuple[Recorded, Outcome, datetime]]:
    for record in recorded:
        for outcome in outcomes.of(record.id):
            if outcome.handled_at is not None and outcome.state == "handled":
                yield record, outcome, outcome.handled_at


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
