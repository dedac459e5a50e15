"""One dead letter with everything that is known of it, and what a replay would do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.dead_letters import kept_closed
from events.envelope import Event, now
from events.groups import Group, find, groups
from events.models import DeadLetter, HandledEvent, StoredEvent
from events.privacy import masked, masked_text
from events.queries.chain_steps import outcome_status
from events.queries.dead_letters import REPLAYABLE, Letter, event_of, letter_of, read
from events.queries.event import GroupOutcome
from events.queries.letter_edit import Edit, editable, edited_among, edits_of_letter
from events.queries.operations import of_letter
from events.queries.outcomes import outcomes_of
from events.queries.recorded import Recorded

RAW_SHOWN = 4_000
"""Bytes shown of an entry that is not an event."""

MOST_AT_ONCE = 100
"""Most dead letters that a page names one by one before it is confirmed; more are frozen first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed attempt."""

    at: datetime
    error: str
    message: str
    worker: str


@dataclass(frozen=True, slots=True)
class LetterView:
    """One dead letter; sensitive values are masked in all of its texts."""

    letter: Letter
    handlers: tuple[str, ...]
    stream: str
    entry_id: str
    traceback: str
    worker: str
    code_version: str
    owner: str
    note: str
    attempts: tuple[Attempt, ...]
    event: Event | None
    """None when the bytes are not an event."""
    data: Mapping[str, Any]
    raw: str
    """The head of the bytes, when they are not an event."""
    record: Recorded | None
    """The event in the store, if it is there."""
    others: tuple[GroupOutcome, ...]
    """What the other groups did with the event."""
    operations: tuple[int, ...]
    """Replays it was part of, newest first."""
    restorable_until: datetime | None
    """Of a discarded one: from then on it may be gone. None for ever."""
    not_rehearsable: str
    """Why its handlers cannot be run and rolled back, in a sentence; empty when they can."""
    not_editable: str
    """Why its payload has no form, in a sentence; empty when it has one."""
    edits: tuple[Edit, ...]
    """Payloads that were sent in place of its own, newest first."""

    @property
    def command(self) -> str:
        """The line that shows the same in a terminal."""
        return f"manage.py deadletters show {self.letter.id}"


@dataclass(frozen=True, slots=True)
class HandlerPlan:
    """A handler that a replay would run."""

    name: str
    external: bool
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay of exactly `letters` would do, as of `at`."""

    at: datetime
    letters: tuple[Letter, ...]
    group: str
    domain: str
    handlers: tuple[HandlerPlan, ...]
    already_handled: int
    """How many of them the group has handled since; those are closed without being run."""
    types: tuple[str, ...]
    other_groups: tuple[str, ...]
    """Groups that read these types as well, and will see nothing."""
    edited: int
    """How many were edited once: it is the original that is sent."""
    refused: tuple[str, ...]
    """Why it cannot be done, in sentences; empty when it can."""

    @property
    def external(self) -> bool:
        """Some handler calls the outside world, which may then be called again."""
        return any(handler.external for handler in self.handlers)

    @property
    def runs(self) -> int:
        """How many events the handlers will see."""
        return len(self.letters) - self.already_handled


def load(pk: int) -> LetterView | None:
    """One dead letter, or None. Four statements and what `outcomes_of` costs for one event."""
    row = DeadLetter.objects.filter(pk=pk).first()
    if row is None:
        return None
    event = event_of(row)
    record = _record(row)
    return LetterView(
        letter=letter_of(row, {group.name: group.domain for group in groups()}),
        handlers=tuple(name for name in row.handlers.split(", ") if name),
        stream=row.stream,
        entry_id=row.entry_id,
        traceback=masked_text(row.traceback, event),
        worker=row.worker,
        code_version=row.code_version,
        owner=row.owner,
        note=row.note,
        attempts=tuple(_attempt(attempt, event) for attempt in row.attempts),
        event=event,
        data=masked(event) if event else {},
        raw="" if event else bytes(row.body)[:RAW_SHOWN].decode("utf-8", "replace"),
        record=record,
        others=_others(record, row.group_name),
        operations=of_letter(row.pk),
        restorable_until=_restorable_until(row),
        not_rehearsable=_not_rehearsable(row, event),
        not_editable=editable(row).refused,
        edits=edits_of_letter(row.pk),
    )


def brief(pk: int) -> Letter | None:
    """The facts of one dead letter alone, or None. One statement."""
    return next(iter(read(DeadLetter.objects.filter(pk=pk))), None)


def plan(ids: Sequence[int]) -> ReplayPlan:
    """What replaying exactly these would do; `refused` says why it cannot. Three statements."""
    wanted = sorted(set(ids))
    found = read(DeadLetter.objects.filter(pk__in=wanted[: MOST_AT_ONCE + 1]).order_by("pk"))
    names = sorted({letter.group for letter in found})
    name = names[0] if len(names) == 1 else ""
    declared = {group.name: group for group in groups()}
    types = tuple(sorted({letter.event_type for letter in found if letter.event_type}))
    event_ids = [letter.event_id for letter in found if letter.event_id]
    done = HandledEvent.objects.filter(group__name=name, event_id__in=event_ids)
    return ReplayPlan(
        at=now(),
        letters=found,
        group=name,
        domain=declared[name].domain if name in declared else "",
        handlers=handlers_for(declared.get(name), types),
        already_handled=done.count() if name else 0,
        types=types,
        other_groups=tuple(
            group.name
            for group in declared.values()
            if group.name != name and not set(group.reads).isdisjoint(types)
        ),
        edited=edited_among([letter.id for letter in found]),
        refused=(*_refusals(wanted, found, REPLAYABLE, "replay"), *_of_one_group(names)),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Dead letters that are to be discarded or restored, and why that cannot be."""

    at: datetime
    letters: tuple[Letter, ...]
    refused: tuple[str, ...]


def choice(ids: Sequence[int], takes: Collection[str], verb: str) -> Choice:
    """What a decision about exactly these would take; `takes` are the states it is for. One
    statement."""
    wanted = sorted(set(ids))
    found = read(DeadLetter.objects.filter(pk__in=wanted[: MOST_AT_ONCE + 1]).order_by("pk"))
    return Choice(now(), found, tuple(_refusals(wanted, found, takes, verb)))


def _not_rehearsable(row: DeadLetter, event: Event | None) -> str:
    group = find(row.group_name)
    if group is None:
        return f"No installed app declares {row.group_name}: nothing can be rehearsed."
    if event is None:
        return "It is no event: a rehearsal would run nothing."
    if row.kind == DeadLetter.Kind.POISON:
        return "It ended the workers that handled it: a rehearsal would end the console too."
    external = [
        one.name for one in group.handlers if one.external and event.event_type in one.reads
    ]
    if external:
        return f"{external[0]} calls the outside world, which cannot be rolled back."
    return ""


def _restorable_until(row: DeadLetter) -> datetime | None:
    kept = kept_closed()
    if row.state != DeadLetter.State.DISCARDED or row.resolved_at is None or kept is None:
        return None
    return row.resolved_at + kept


def _record(row: DeadLetter) -> Recorded | None:
    stored = StoredEvent.objects.filter(event_id=row.event_id).first() if row.event_id else None
    return Recorded.of(stored) if stored else None


def _others(record: Recorded | None, group: str) -> tuple[GroupOutcome, ...]:
    if record is None:
        return ()
    at = now()
    return tuple(
        GroupOutcome(outcome, outcome_status(outcome, at))
        for outcome in outcomes_of([record], at).of(record.id)
        if outcome.group != group
    )


def _attempt(raw: Mapping[str, str], event: Event | None) -> Attempt:
    return Attempt(
        at=datetime.fromisoformat(raw["at"]),
        error=raw["error"],
        message=masked_text(raw["message"], event),
        worker=raw["worker"],
    )


def handlers_for(group: Group | None, types: Sequence[str]) -> tuple[HandlerPlan, ...]:
    """The group's handlers that read any of the types."""
    return tuple(
        HandlerPlan(handler.name, handler.external, tuple(s.event_type for s in handler.says))
        for handler in (group.handlers if group else ())
        if "*" in handler.reads or not set(handler.reads).isdisjoint(types)
    )


def _refusals(
    wanted: Sequence[int], found: Sequence[Letter], takes: Collection[str], verb: str
) -> Iterator[str]:
    if not wanted:
        yield "Nothing was selected."
    if len(wanted) > MOST_AT_ONCE:
        yield f"{len(wanted)} were selected; a {verb} takes at most {MOST_AT_ONCE} at a time."
    elif missing := sorted(set(wanted) - {letter.id for letter in found}):
        yield f"There is no dead letter {', '.join(map(str, missing[:5]))}."
    for state in sorted({letter.state for letter in found if letter.state not in takes}):
        ids = [str(letter.id) for letter in found if letter.state == state]
        yield f"Dead letter {', '.join(ids[:5])} is {state}: there is nothing to {verb}."


def _of_one_group(names: Sequence[str]) -> Iterator[str]:
    if len(names) > 1:
        yield f"A replay goes to one group; these belong to {' and '.join(names)}."
