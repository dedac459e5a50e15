"""Retries that wait, by group and error; some of them, before something is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from events import transport
from events.envelope import Event, domain_of, now, readable
from events.groups import Group, groups
from events.privacy import masked_text
from events.transport.mending import WaitingRetry
from events.validation import understandable

SHOWN = 100
"""Retries on a page, those due first; also what one action of an operator may take."""


@dataclass(frozen=True, slots=True)
class Retry:
    """One event that waits for its next attempt; sensitive values in its message are masked."""

    event_id: str
    """By which the bus knows it."""
    page_id: UUID | None
    """By which the store knows it; None for what is no event."""
    event_type: str
    entity_id: str
    due_at: datetime
    attempt: int
    """Number of the attempt it waits for."""
    attempts: int | None
    """How many its handlers allow; None where none of them takes it."""
    error: str
    """Class of the last error."""
    message: str
    worker: str
    first_failed_at: datetime | None
    redelivered: bool
    """It is a replay that failed again."""
    group: str

    @property
    def event_domain(self) -> str:
        """The domain of its event; empty when its type is not known."""
        return domain_of(self.event_type)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Retries of one group after the same error, those due first."""

    group: str
    domain: str
    error: str
    rows: tuple[Retry, ...]

    @property
    def first(self) -> Retry:
        """The one that is due next."""
        return self.rows[0]

    @property
    def last_due_at(self) -> datetime:
        """When the last of them is due."""
        return self.rows[-1].due_at


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a retry, as of `at`."""

    at: datetime
    troubles: tuple[Trouble, ...]
    """Those with the retry due first come first."""
    shown: int
    total: int
    """Retries that wait for their time, shown or not."""
    groups: int
    """Of how many groups."""
    next_due_at: datetime | None
    woken: int
    """Their time has come: they are on their way to a worker, and can be given up no more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Retries that are to be run now or given up, and why that cannot be."""

    at: datetime
    group: str
    rows: tuple[Retry, ...]
    gone: int
    """Of those that were chosen: they wait no more."""
    refused: tuple[str, ...]


def load(group: str = "", limit: int = SHOWN) -> Waiting:
    """What waits, of one group if given.

    Three round trips whatever the number, six commands for each group and stream it reads. Raises
    BusUnavailable.
    """
    chosen = [one for one in groups() if group in ("", one.name)]
    pairs = [(stream, one.name) for one in chosen for stream in one.streams]
    inspector = transport.current().inspector
    counts = inspector.retries(pairs)
    some = [pair for pair in pairs if counts[pair].next_due_at is not None]
    declared = {one.name: one for one in chosen}
    rows = [_retry(one, declared) for one in inspector.waiting_retries(some, limit)]
    infos = counts.values()
    return Waiting(
        at=now(),
        troubles=_troubles(rows, declared),
        shown=len(rows),
        total=sum(info.waiting - info.woken for info in infos),
        groups=len({name for _, name in some}),
        next_due_at=min((info.next_due_at for info in infos if info.next_due_at), default=None),
        woken=sum(info.woken for info in infos),
    )


def choice(group: str, event_ids: Sequence[str], verb: str) -> Choice:
    """What running or giving up exactly these would take. Two round trips. Raises
    BusUnavailable."""
    wanted = list(dict.fromkeys(event_ids))
    declared = {one.name: one for one in groups() if one.name == group}
    pairs = [(stream, group) for one in declared.values() for stream in one.streams]
    found: list[WaitingRetry] = []
    if declared and 0 < len(wanted) <= SHOWN:
        found = transport.current().inspector.waiting_retries(pairs, SHOWN, wanted)
    refused = _refused(group, declared, wanted, found, verb)
    rows = tuple(_retry(one, declared) for one in found)
    return Choice(now(), group, rows, len(wanted) - len(rows), (refused,) if refused else ())


def _refused(
    group: str,
    declared: Mapping[str, Group],
    wanted: Sequence[str],
    found: Sequence[WaitingRetry],
    verb: str,
) -> str:
    if not declared:
        return f"No installed app declares the group {group or 'that was asked for'}."
    if not wanted:
        return "Nothing was selected."
    if len(wanted) > SHOWN:
        return f"{len(wanted)} were selected; {verb} at most {SHOWN} at a time."
    if not found:
        return f"None of these waits for a retry any more: there is nothing to {verb}."
    return ""


def _troubles(rows: Sequence[Retry], declared: Mapping[str, Group]) -> tuple[Trouble, ...]:
    """Rows by group and error; `rows` come those due first, and so do their groups."""
    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        first.setdefault((row.group, row.error), index)
    together = sorted(rows, key=lambda row: first[row.group, row.error])
    return tuple(
        Trouble(name, declared[name].domain, error, tuple(members))
        for (name, error), members in groupby(together, key=lambda row: (row.group, row.error))
    )


def _retry(found: WaitingRetry, declared: Mapping[str, Group]) -> Retry:
    event = understandable(found.body)
    last = found.failures[-1] if found.failures else None
    return Retry(
        event_id=found.event_id,
        page_id=event.event_id if event else None,
        event_type=event.event_type if event else "",
        entity_id=event.entity_id if event else "",
        due_at=found.due_at,
        attempt=len(found.failures) + 1,
        attempts=_attempts(declared.get(found.group), event),
        error=last.error if last else "",
        message=masked_text(last.message, readable(found.body)) if last else "",
        worker=last.worker if last else "",
        first_failed_at=_moment(found.failures[0].at) if found.failures else None,
        redelivered=found.redelivered,
        group=found.group,
    )


def _attempts(group: Group | None, event: Event | None) -> int | None:
    """The most that any handler allows that takes the event: which one failed is not known."""
    if group is None or event is None:
        return None
    allowed = [one.policy.max_retries + 1 for one in group.handlers if one.wants(event)]
    return max(allowed, default=None)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
