"""What the consumers of one group hold: entries, lost entries, and the consumers themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from events import transport
from events.conf import bus_settings
from events.envelope import domain_of, now, readable
from events.groups import Group, find
from events.queries.lost import Stored, stored_at
from events.queries.snapshot import entry_time
from events.registry import registry
from events.transport.base import RELEASED, WorkerInfo
from events.transport.mending import Held, PendingEntry

SHOWN = 100
"""Entries on a page, the oldest first; also what one action of an operator may take."""

Fate = Literal["there", "stored", "settled", "lost"]
"""Of an entry: it stands in its stream; it is gone, but the store has the event; it is gone, but
the group is done with it; it is gone and nobody knows what it was."""

ALIVE, GONE, HANDED_BACK = "alive", "gone", "handed back"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that a consumer holds."""

    key: str
    entry_id: str
    stream: str
    retry: bool
    """It came by the group's retry stream."""
    consumer: str
    holder: str
    """alive, gone, or handed back."""
    event_id: UUID | None
    """None where nobody knows it, or it is no event."""
    event_type: str
    entity_id: str
    appended_at: datetime | None
    idle_s: float
    starts: int
    fate: Fate

    @property
    def event_domain(self) -> str:
        """The domain of its event."""
        return domain_of(self.event_type)

    @property
    def place(self) -> str:
        """Its entry and stream, for people."""
        return f"{self.entry_id} of {'a retry of ' if self.retry else ''}{self.stream}"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of the group, on all its streams."""

    name: str
    state: str
    """alive, gone, or handed back."""
    pending: int

    @property
    def removable(self) -> bool:
        """Its process is gone, and it holds nothing."""
        return self.state == GONE and not self.pending

    @property
    def why_not(self) -> str:
        """Why it is not to be removed, in a sentence; empty where it is."""
        if self.state == HANDED_BACK:
            return "It is no process: it holds what was handed back until a worker takes it."
        if self.state == ALIVE:
            return "Its process is alive: stop it, and it removes itself."
        return "It still holds entries: the next sweep takes them over." if self.pending else ""


@dataclass(frozen=True, slots=True)
class Pending:
    """What is held, as of `at`."""

    at: datetime
    group: str
    domain: str
    consumer: str
    """Whose entries are listed; empty for all."""
    entries: tuple[Entry, ...]
    """Those that stand in their stream, the oldest first."""
    lost: tuple[Entry, ...]
    """Those that do not: nobody can handle them."""
    consumers: tuple[Consumer, ...]
    total: int
    """Entries held, shown or not."""
    lease_s: float
    """After so long without renewal an entry is taken over."""

    @property
    def shown(self) -> int:
        """Entries that are listed."""
        return len(self.entries) + len(self.lost)


@dataclass(frozen=True, slots=True)
class Choice:
    """Entries that something is to be done with, and why that cannot be."""

    at: datetime
    group: str
    entries: tuple[Entry, ...]
    left: int
    """Of those that were chosen: they are not as they were shown any more."""
    refused: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """The consumer of some of them may be running it at this moment."""
        return any(entry.holder == ALIVE for entry in self.entries)

    @property
    def put_back(self) -> int:
        """How many the store still has, unfinished."""
        return sum(entry.fate == "stored" for entry in self.entries)

    @property
    def lost(self) -> int:
        """How many nobody knows anything of."""
        return sum(entry.fate == "lost" for entry in self.entries)


def load(name: str, consumer: str = "", limit: int = SHOWN) -> Pending | None:
    """What a group's consumers hold, or one of them; None for a group nobody declares.

    Four round trips; five commands for each stream it reads and one for each entry shown. Looking
    claims nothing. Raises BusUnavailable.
    """
    group = find(name)
    if group is None:
        return None
    pairs = [(stream, name) for stream in group.streams]
    inspector = transport.current().inspector
    workers = inspector.workers()
    held: Counter[str] = Counter()
    for one in inspector.consumers(pairs):
        held[one.name] += one.pending
    found = inspector.pending_entries(pairs, limit, consumer)
    entries = _entries(name, found, workers)
    return Pending(
        at=now(),
        group=name,
        domain=group.domain,
        consumer=consumer,
        entries=tuple(entry for entry in entries if entry.fate == "there"),
        lost=tuple(entry for entry in entries if entry.fate != "there"),
        consumers=_consumers(held, workers),
        total=held[consumer] if consumer else held.total(),
        lease_s=bus_settings().lease_s,
    )


def choice(name: str, keys: Sequence[str], verb: str, *, lost: bool = False) -> Choice:
    """Of exactly these entries those that are still held as they were shown, or, with `lost`, that
    are gone from their stream. One round trip. Raises BusUnavailable."""
    group = find(name)
    wanted = list(dict.fromkeys(keys))
    places = [held for key in wanted[:SHOWN] if (held := Held.of(key)) is not None]
    entries: list[Entry] = []
    if group is not None:
        inspector = transport.current().inspector
        mine = [held for held in places if held.stream in group.streams]
        found = inspector.pending_at(name, mine)
        fit = [
            entry
            for entry, held in zip(found, mine, strict=True)
            if entry is not None and _is_as_shown(entry, held, lost=lost)
        ]
        entries = _entries(name, fit, inspector.workers())
    refused = tuple(_refusals(name, group, wanted, entries, verb, lost=lost))
    return Choice(now(), name, tuple(entries), len(wanted) - len(entries), refused)


def removable(name: str, consumer: str) -> tuple[Consumer | None, str]:
    """A consumer of a group, and why it is not to be removed. Two round trips. Raises
    BusUnavailable."""
    group = find(name)
    if group is None:
        return None, f"No installed app declares the group {name}."
    inspector = transport.current().inspector
    pairs = [(stream, name) for stream in group.streams]
    held = [one.pending for one in inspector.consumers(pairs) if one.name == consumer]
    if not held:
        return None, f"The group {name} has no consumer {consumer}."
    (found,) = _consumers({consumer: sum(held)}, inspector.workers())
    return found, found.why_not


def _is_as_shown(entry: PendingEntry, held: Held, *, lost: bool) -> bool:
    if lost:
        return entry.delivery is None
    return entry.delivery is not None and entry.held.consumer == held.consumer


def _refusals(
    name: str,
    group: Group | None,
    wanted: Sequence[str],
    entries: Sequence[Entry],
    verb: str,
    *,
    lost: bool,
) -> Iterator[str]:
    if group is None:
        yield f"No installed app declares the group {name}."
    elif not wanted:
        yield "Nothing was selected."
    elif len(wanted) > SHOWN:
        yield f"{len(wanted)} were selected; {verb} at most {SHOWN} at a time."
    elif not entries and lost:
        yield (
            f"None of these is held by {name} and gone from its stream: there is nothing to {verb}."
        )
    elif not entries:
        yield (
            f"None of these is held by that consumer of {name} any more: there is nothing to"
            f" {verb}."
        )


def _entries(
    group: str, found: Sequence[PendingEntry], workers: Collection[WorkerInfo]
) -> list[Entry]:
    alive = {worker.name for worker in workers}
    gone = [one.held for one in found if one.delivery is None]
    stored = stored_at(group, gone) if gone else {}
    return [_entry(one, alive, stored.get(one.held)) for one in found]


def _entry(one: PendingEntry, alive: Collection[str], stored: Stored | None) -> Entry:
    held, delivery = one.held, one.delivery
    event = readable(delivery.body) if delivery else None
    kind = registry.by_stream(held.stream)
    known = stored or event
    return Entry(
        key=held.key,
        entry_id=held.entry_id,
        stream=held.stream,
        retry=held.retry,
        consumer=held.consumer,
        holder=_state(held.consumer, alive),
        event_id=known.event_id if known else None,
        event_type=event.event_type if event else kind.name if kind else "",
        entity_id=known.entity_id if known else "",
        appended_at=entry_time(held.entry_id),
        idle_s=one.idle_s,
        starts=one.starts,
        fate="there" if delivery else _fate(stored),
    )


def _fate(stored: Stored | None) -> Fate:
    if stored is None:
        return "lost"
    return "settled" if stored.settled else "stored"


def _consumers(held: Mapping[str, int], workers: Collection[WorkerInfo]) -> tuple[Consumer, ...]:
    """Those that are gone and hold something first, those that are gone, the living."""
    alive = {worker.name for worker in workers}
    found = [Consumer(name, _state(name, alive), count) for name, count in held.items()]
    return tuple(
        sorted(found, key=lambda one: (one.state == ALIVE, -one.pending, one.name)),
    )


def _state(consumer: str, alive: Collection[str]) -> str:
    if consumer == RELEASED:
        return HANDED_BACK
    return ALIVE if consumer in alive else GONE
