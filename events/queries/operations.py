"""One operation, and what became of each dead letter in its set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from events.groups import groups
from events.models import DeadLetter, HandledEvent, Operation
from events.queries.dead_letters import Letter, letter_of

Result = Literal["handled", "failed again", "waiting", "gone"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One dead letter of an operation and its outcome.

    handled        the group has handled it since
    failed again   it is a dead letter once more; `error` says why
    waiting        it is with the group, or on its way there (`relayed` says which)
    gone           the dead letter was removed meanwhile
    """

    id: int
    result: Result
    letter: Letter | None = None
    at: datetime | None = None
    took_s: float | None = None
    error: str = ""
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the progress bar, in per cent."""

    kind: Literal["handled", "failed"]
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as it stands now."""

    id: int
    kind: str
    group: str
    domain: str
    actor: str
    via: str
    reason: str
    created_at: datetime
    letters: tuple[Replayed, ...]

    @property
    def counts(self) -> Mapping[Result, int]:
        """How many ended how; results nobody had are absent."""
        return Counter(replayed.result for replayed in self.letters)

    @property
    def handled(self) -> int:
        """How many were handled."""
        return self.counts.get("handled", 0)

    @property
    def failed(self) -> int:
        """How many failed again."""
        return self.counts.get("failed again", 0)

    @property
    def waiting(self) -> int:
        """How many are still on their way."""
        return self.counts.get("waiting", 0)

    @property
    def parts(self) -> tuple[Part, ...]:
        """A progress bar: what was handled, what failed again; what is left is still on its way."""
        each = 100 / len(self.letters)
        handled, failed = self.handled * each, self.failed * each
        return (
            Part("handled", 0.0, round(handled, 1)),
            Part("failed", round(handled, 1), round(failed, 1)),
        )

    @property
    def done(self) -> bool:
        """Nothing is on its way any more."""
        return not self.waiting


def load(pk: int) -> OperationView | None:
    """One operation, or None. Three statements, over the at most 100 letters of its set."""
    row = Operation.objects.filter(pk=pk).first()
    return _views([row])[0] if row else None


def newest(count: int, group: str = "") -> tuple[OperationView, ...]:
    """The newest operations. Three statements."""
    rows = Operation.objects.order_by("-pk")
    return _views(list((rows.filter(group_name=group) if group else rows)[:count]))


def _views(rows: list[Operation]) -> tuple[OperationView, ...]:
    wanted = {pk for row in rows for pk in row.dead_letter_ids}
    found = {row.pk: row for row in DeadLetter.objects.filter(pk__in=wanted).defer("traceback")}
    took = _took(found)
    domains = {group.name: group.domain for group in groups()}
    return tuple(
        OperationView(
            id=row.pk,
            kind=row.kind,
            group=row.group_name,
            domain=domains.get(row.group_name, ""),
            actor=row.actor,
            via=row.via,
            reason=row.reason,
            created_at=row.created_at,
            letters=tuple(
                _replayed(pk, row, found.get(pk), took, domains) for pk in row.dead_letter_ids
            ),
        )
        for row in rows
    )


def _took(found: Mapping[int, DeadLetter]) -> Mapping[tuple[str, UUID], float]:
    """Seconds each handling took, by group and event."""
    marks = HandledEvent.objects.filter(
        event_id__in={row.event_id for row in found.values() if row.event_id},
        group__name__in={row.group_name for row in found.values()},
    )
    fields = marks.values_list("group__name", "event_id", "duration_us")
    return {(group, event_id): microseconds / 1e6 for group, event_id, microseconds in fields}


def _replayed(
    pk: int,
    operation: Operation,
    row: DeadLetter | None,
    took: Mapping[tuple[str, UUID], float],
    domains: Mapping[str, str],
) -> Replayed:
    if row is None:
        return Replayed(pk, "gone")
    letter = letter_of(row, domains)
    failed = _failed_since(row, operation.created_at)
    if failed is not None:
        return Replayed(pk, "failed again", letter, failed[0], error=failed[1])
    if row.state == DeadLetter.State.RESOLVED:
        took_s = took.get((row.group_name, row.event_id)) if row.event_id else None
        return Replayed(pk, "handled", letter, row.resolved_at, took_s)
    return Replayed(pk, "waiting", letter, relayed=row.redelivered_at is not None)


def _failed_since(row: DeadLetter, since: datetime) -> tuple[datetime, str] | None:
    """The first failure after the operation began; a replay that succeeds adds none."""
    for attempt in row.attempts:
        at = datetime.fromisoformat(attempt["at"])
        if at > since:
            return at, attempt["error"]
    return None
