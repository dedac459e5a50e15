"""What moving a group would do: where it would stand, what it would skip or be given again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from events import transport
from events.envelope import now
from events.errors import Refused
from events.groups import Group, find
from events.models import ConsumerGroup, PausedGroup
from events.queries.instants import instant
from events.queries.snapshot import entry_time
from events.queries.words import plural
from events.registry import EventType
from events.rows import Wanted, settled
from events.transport.base import StreamInfo

MOST_COUNTED = 10_000
"""Entries of a stream that are counted; of what is beyond it is said that it is more."""

COUNTED_IN_ALL = 40_000
"""The same for all streams of a group together, which share it."""

LOOKED_UP = 1_000
"""Events the inbox is asked about in one statement."""


LAST = 2**64 - 1
"""The highest sequence number an entry's id may have."""

Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """What a move does on one stream."""

    stream: str
    event_type: str
    domain: str
    before: str
    """Id of the entry that was delivered last."""
    after: str
    skipped: int = 0
    """Entries that wait now and would never be delivered."""
    again: int = 0
    """Entries that were delivered and would be once more."""
    known: int = 0
    """Of those: how many the group has an end of, so that they are skipped and nothing is run."""
    capped: bool = False
    """There are more than were counted."""

    @property
    def before_at(self) -> datetime | None:
        """When the entry it stands at was appended."""
        return entry_time(self.before)

    @property
    def after_at(self) -> datetime | None:
        """The same of where it would stand."""
        return entry_time(self.after)

    @property
    def moves(self) -> bool:
        """It would stand elsewhere."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class MovePreview:
    """A move before anything is done; as of `at`."""

    group: str
    to: str
    """As it was asked for."""
    at: datetime
    steps: tuple[Step, ...]
    """Of every stream, those that move first."""
    keeps_inbox: bool
    """It knows what it has handled. False where all its effects are sets."""
    repeatable: bool
    """Every handler is declared to be run again on purpose."""
    refused: str = ""
    """Why it cannot be done now, as a sentence."""

    @property
    def moving(self) -> tuple[Step, ...]:
        """Steps that change something."""
        return tuple(step for step in self.steps if step.moves)

    @property
    def skipped(self) -> int:
        """Entries skipped on all streams, as far as they were counted."""
        return sum(step.skipped for step in self.steps)

    @property
    def again(self) -> int:
        """Entries delivered again on all streams, as far as they were counted."""
        return sum(step.again for step in self.steps)

    @property
    def known(self) -> int:
        """Of those, how many are known to be done."""
        return sum(step.known for step in self.steps)

    @property
    def capped(self) -> bool:
        """There is more than was counted."""
        return any(step.capped for step in self.steps)


def preview(name: str, to: str, stream: str = "") -> MovePreview | None:
    """What moving a group there would do, on all its streams or on one; None for no such group.

    `to` is ``start``, ``end``, a time in ISO 8601 (UTC unless it says otherwise), a time ago
    (``10m``, ``2h``) or the id of an entry, which would be the first that is delivered. Raises
    Refused for anything else, BusUnavailable. One round trip, and one for each thousand entries
    counted; a statement for each thousand that are delivered again.
    """
    group = find(name)
    if group is None:
        return None
    at = now()
    wanted = position_of(to, at)
    chosen = [kind for kind in group.types if stream in ("", kind.stream)]
    if not chosen:
        raise Refused(f"{name} does not read the stream {stream}.")
    found = transport.current().inspector.streams([kind.stream for kind in chosen])
    most = most_counted(len(chosen))
    steps = [
        step
        for kind in chosen
        if kind.stream in found and (step := _step(group, kind, found[kind.stream], wanted, most))
    ]
    return MovePreview(
        group=name,
        to=to,
        at=at,
        steps=tuple(sorted(steps, key=lambda s: (not s.moves, -(s.skipped + s.again), s.stream))),
        keeps_inbox=not group.idempotent,
        repeatable=all(handler.repeatable for handler in group.handlers),
        refused=why_not_at_rest(group),
    )


def position_of(to: str, at: datetime) -> Position:
    """The entry id a group would have been given last. Raises Refused for what is none."""
    text = to.strip()
    if text == "start":
        return (0, 0)
    if text == "end":
        return (LAST, LAST)
    if found := re.fullmatch(r"(\d{1,15})-(\d{1,20})", text):
        return _before((int(found[1]), min(int(found[2]), LAST)))
    if time := instant(text, at):
        return _at(time)
    raise Refused(
        f"{to!r} is no place to move to: give start, end, a time such as 2026-07-01T14:00, a time"
        " ago such as 10m, or the id of an entry."
    )


def why_not_at_rest(group: Group) -> str:
    """Why a group cannot be moved now, as a sentence; empty when nobody runs it and it is paused.

    One statement, two round trips. Raises BusUnavailable.
    """
    name = group.name
    if not PausedGroup.objects.filter(group_name=name).exists():
        return f"{name} is not paused: its workers would read on meanwhile. Pause it first."
    bus = transport.current()
    alive = [worker for worker in bus.presence.alive() if name in worker.groups]
    finishing = [worker.name for worker in alive if name not in worker.paused]
    if finishing:
        return (
            f"{len(finishing)} of {plural(len(alive), 'worker')} of {name} still finish what was"
            f" begun: {', '.join(finishing[:3])}. Wait until all stand still."
        )
    names = {worker.name for worker in alive}
    pairs = [(stream, name) for stream in group.streams]
    for held in bus.inspector.consumers(pairs):
        if held.pending and held.name in names:
            entries = plural(held.pending, "entry", "entries")
            return (
                f"The worker {held.name} still holds {entries} of {name} on"
                f" {held.stream}. Wait until it has given them back, or end it."
            )
    return ""


def parsed(entry_id: str) -> Position:
    """An entry's id as two numbers that sort. Raises ValueError."""
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def step_between(
    group: Group, kind: EventType, before: Position, after: Position, most: int
) -> Step:
    """What it means to move from one position to another; where nothing lies between, nothing."""
    here = Step(kind.stream, kind.name, kind.domain, spelled(before), spelled(before))
    low, high = spelled(min(before, after)), spelled(max(before, after))
    ids = transport.current().moving.between(kind.stream, low, high, most + 1)
    if not ids:
        return here
    forward = after > before
    counted = ids[:most]
    return replace(
        here,
        after=spelled(after),
        skipped=len(counted) if forward else 0,
        again=0 if forward else len(counted),
        known=0 if forward else _known(group, counted),
        capped=len(ids) > most,
    )


def most_counted(streams: int) -> int:
    """Entries counted of each of so many streams."""
    return max(LOOKED_UP, min(MOST_COUNTED, COUNTED_IN_ALL // (streams or 1)))


def _step(
    group: Group, kind: EventType, info: StreamInfo, wanted: Position, most: int
) -> Step | None:
    """None where the group is not set up on the stream."""
    place = next((one for one in info.groups if one.name == group.name), None)
    if place is None:
        return None
    before, last = parsed(place.last_delivered_id), parsed(info.last_id or "0-0")
    return step_between(group, kind, before, min(wanted, max(before, last)), most)


def _known(group: Group, event_ids: Sequence[str]) -> int:
    """Of how many of these events the group has an end: those it skips when they come again."""
    number = ConsumerGroup.objects.filter(name=group.name).values_list("pk", flat=True).first()
    if group.idempotent or number is None:
        return 0
    count = 0
    ids = [found for text in event_ids if (found := _uuid(text))]
    for start in range(0, len(ids), LOOKED_UP):
        some = ids[start : start + LOOKED_UP]
        count += len(settled([Wanted(number, group.name, some, some)]))
    return count


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _at(time: datetime) -> Position:
    return _before((max(0, int(time.timestamp() * 1_000)), 0))


def _before(position: Position) -> Position:
    ms, sequence = position
    if sequence:
        return ms, sequence - 1
    return (ms - 1, LAST) if ms else (0, 0)


def spelled(position: Position) -> str:
    """The other way round."""
    return f"{position[0]}-{position[1]}"
