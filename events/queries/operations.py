"""Operations, and what became of each event in their sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, get_args
from uuid import UUID

from events.groups import groups
from events.models import DeadLetter, HandledEvent, Operation, OperationItem, StoredEvent
from events.queries import operation_counts
from events.queries.dead_letters import Letter, letter_of
from events.queries.history_filter import HistoryFilter
from events.queries.letter_filter import LetterFilter
from events.queries.moved import MOVE

Result = Literal["handled", "failed again", "with the group", "not sent", "skipped"]

RESULTS: tuple[Result, ...] = get_args(Result)

ITEMS_SHOWN = 100
"""Events of an operation on a page."""

OPERATIONS_SHOWN = 50

RESULT_OF: Mapping[str, Result] = {
    OperationItem.State.WAITING: "not sent",
    OperationItem.State.SENT: "with the group",
    OperationItem.State.HANDLED: "handled",
    OperationItem.State.FAILED: "failed again",
    OperationItem.State.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a stored event is about."""

    event_type: str
    entity_id: str
    correlation_id: UUID
    domain: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """One event of an operation and its outcome.

    handled         the group has handled it since
    failed again    it is a dead letter once more; `told` says why
    with the group  it is there, or on its way (`relayed` says which)
    not sent        its turn has not come
    skipped         it was not sent, or was closed meanwhile; `told` says why
    """

    id: int
    """Of the item, not of its dead letter."""
    result: Result
    event_id: UUID | None
    letter: Letter | None = None
    """None when it is no dead letter, or that was removed."""
    at: datetime | None = None
    took_s: float | None = None
    told: str = ""
    relayed: bool = False
    found: Mapping[str, Any] | None = None
    """What a rehearsal found."""
    event: Said | None = None
    """Of one that is no dead letter, while it is stored."""
    said_id: UUID | None = None
    """Of the new event it was said again as."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the progress bar, in per cent."""

    kind: Literal["handled", "failed", "skipped"]
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
    state: str
    state_reason: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    as_of: datetime | None
    """When what was chosen from was shown."""
    not_included: int
    """What matched as well when the set was frozen, but was newer than what was shown."""
    asked: str
    """How the set was chosen, as typed into search; empty when by numbers."""
    total: int
    ramp: bool
    stop_percent: int
    rate_per_s: float | None
    counts: Mapping[Result, int]
    """How many ended how; results nobody had are absent."""
    letters: tuple[Replayed, ...] = ()
    """Some of its events, in the order of its set."""
    older: int | None = None
    """What the next page asks for; None on the last."""
    details: Mapping[str, Any] | None = None
    forgotten: bool = False
    """There are such events, and what became of each is not kept any more."""

    @property
    def handled(self) -> int:
        """How many were handled."""
        return self.counts.get("handled", 0)

    @property
    def failed(self) -> int:
        """How many failed again."""
        return self.counts.get("failed again", 0)

    @property
    def skipped(self) -> int:
        """How many were not sent, or closed meanwhile."""
        return self.counts.get("skipped", 0)

    @property
    def waiting(self) -> int:
        """How many have not come to their end."""
        return self.counts.get("with the group", 0) + self.counts.get("not sent", 0)

    @property
    def ended(self) -> int:
        """How many have."""
        return self.total - self.waiting

    @property
    def parts(self) -> tuple[Part, ...]:
        """A progress bar: handled, failed again, skipped; what is left is still to come."""
        found: list[Part] = []
        x = 0.0
        lengths: tuple[tuple[Literal["handled", "failed", "skipped"], int], ...] = (
            ("handled", self.handled),
            ("failed", self.failed),
            ("skipped", self.skipped),
        )
        for kind, count in lengths:
            width = 100 * count / (self.total or 1)
            found.append(Part(kind, round(x, 1), round(width, 1)))
            x += width
        return tuple(found)

    @property
    def done_well(self) -> str:
        """What has become of those that ended as they should."""
        words = {"discard": "discarded", "restore": "restored", "republish": "said again"}
        return words.get(self.kind, "handled")

    @property
    def mode(self) -> str:
        """How stored events go to the group: catch up, handle again, shadow; else empty."""
        return str((self.details or {}).get("mode", ""))

    @property
    def draft(self) -> bool:
        """Shown, not confirmed."""
        return self.state == Operation.State.DRAFT

    @property
    def done(self) -> bool:
        """Nothing of it will come any more."""
        if self.kind == MOVE:
            return self.state != Operation.State.RUNNING
        ended = (Operation.State.DONE, Operation.State.CANCELLED, Operation.State.RUNNING)
        return not self.waiting and self.state in ended

    @property
    def moves(self) -> tuple[str, ...]:
        """What an operator may do with it now."""
        if self.done:
            return ()
        return {
            str(Operation.State.RUNNING): ("pause", "cancel"),
            str(Operation.State.PAUSED): ("resume", "cancel"),
            str(Operation.State.STOPPED): ("resume", "cancel"),
        }.get(self.state, ())

    @property
    def command(self) -> str:
        """The line that shows the same in a terminal; of a draft, the one that begins it."""
        if self.draft:
            return f"manage.py operations begin {self.id} --reason '...'"
        return f"manage.py operations show {self.id}"


def load(pk: int, result: Result | None = None, after: int = 0) -> OperationView | None:
    """One operation with the first ITEMS_SHOWN of its events behind item `after`, of one result
    where that is given; or None. Ten statements along indexes at most."""
    row = Operation.objects.filter(pk=pk).first()
    if row is None:
        return None
    found = _items(row, result, after)
    shown = found[:ITEMS_SHOWN]
    domains = {group.name: group.domain for group in groups()}
    took = _took(row.group_name, [item.event_id for item in shown if item.event_id])
    said = _stored(shown)
    counts = _counts([row])[row.pk]
    view = _view(
        row,
        counts,
        domains,
        tuple(
            replace(_replayed(item, row, took, domains), event=said.get(item.event_id))
            for item in shown
        ),
        shown[-1].pk if len(found) > ITEMS_SHOWN else None,
    )
    asked_for = counts.get(result, 0) if result else row.total
    return replace(view, forgotten=not (shown or after) and asked_for > 0)


def _items(row: Operation, result: Result | None, after: int) -> list[OperationItem]:
    """ITEMS_SHOWN and one more, in the order of the set. A statement for each state: the index that
    begins with it is in this order."""
    states = [state for state, told in RESULT_OF.items() if result in (None, told)]
    items = row.items.filter(pk__gt=after).order_by("pk").select_related("letter")
    found = [
        items.filter(state=one).defer("letter__traceback")[: ITEMS_SHOWN + 1] for one in states
    ]
    return list(islice(merge(*found, key=attrgetter("pk")), ITEMS_SHOWN + 1))


def newest(
    count: int = OPERATIONS_SHOWN,
    group: str = "",
    state: str = "",
    actor: str = "",
    before: int | None = None,
) -> tuple[OperationView, ...]:
    """The newest operations without their events. Three statements; drafts only where `state` asks
    for them."""
    rows = Operation.objects.order_by("-pk")
    given = {"group_name": group, "state": state, "actor": actor, "pk__lt": before}
    rows = rows.filter(**{name: value for name, value in given.items() if value})
    if not state:
        rows = rows.exclude(state=Operation.State.DRAFT)
    found = list(rows[:count])
    domains = {group.name: group.domain for group in groups()}
    counts = _counts(found)
    return tuple(_view(row, counts[row.pk], domains) for row in found)


def of_letter(pk: int) -> tuple[int, ...]:
    """Operations a dead letter was part of, newest first. One statement."""
    items = OperationItem.objects.filter(letter=pk).exclude(operation__state=Operation.State.DRAFT)
    return tuple(items.order_by("-operation").values_list("operation", flat=True)[:ITEMS_SHOWN])


def _view(
    row: Operation,
    counts: Mapping[Result, int],
    domains: Mapping[str, str],
    letters: tuple[Replayed, ...] = (),
    older: int | None = None,
) -> OperationView:
    as_of = row.asked.get("as_of")
    return OperationView(
        id=row.pk,
        kind=row.kind,
        group=row.group_name,
        domain=domains.get(row.group_name, ""),
        actor=row.actor,
        via=row.via,
        reason=row.reason,
        state=row.state,
        state_reason=row.state_reason,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        as_of=datetime.fromisoformat(as_of) if as_of else None,
        not_included=row.not_included,
        asked=_described(row),
        total=row.total,
        ramp=row.ramp,
        stop_percent=row.stop_percent,
        rate_per_s=row.rate_per_s,
        counts=counts,
        letters=letters,
        older=older,
        details=row.details,
    )


def _described(row: Operation) -> str:
    chosen = HistoryFilter if row.kind in ("history", "shadow", "republish") else LetterFilter
    return chosen.of_json(row.asked).described


def _stored(items: Sequence[OperationItem]) -> Mapping[UUID | None, Said]:
    """Of items without a dead letter what their events are about. One statement, or none."""
    ids = [item.event_id for item in items if item.letter_id is None and item.event_id]
    if not ids:
        return {}
    rows = StoredEvent.objects.filter(event_id__in=ids)
    fields = ("event_id", "event_type", "entity_id", "correlation_id", "domain")
    return {event_id: Said(*facts) for event_id, *facts in rows.values_list(*fields)}


def _counts(rows: Sequence[Operation]) -> dict[int, Mapping[Result, int]]:
    """By operation; what is with a group is looked up where it stands now. Two statements."""
    found: dict[int, Counter[Result]] = {}
    for pk, told in operation_counts.counts(rows).items():
        ended: dict[Result, int] = {"handled": told.handled, "failed again": told.failed}
        found[pk] = Counter({**ended, "skipped": told.skipped, "not sent": told.waiting})
    kinds = {row.pk: row.kind for row in rows}
    sent = OperationItem.objects.filter(operation__in=rows, state=OperationItem.State.SENT)
    told_of = ("operation", "state", "sent_at", "letter__state", "letter__opened_at")
    for item in sent.select_related("letter").only(*told_of):
        found[item.operation_id][_result(item, kinds[item.operation_id])] += 1
    return {pk: dict(+counted) for pk, counted in found.items()}


def _result(item: OperationItem, kind: str) -> Result:
    """What became of an item; of one that was sent, what its letter says now."""
    letter = item.letter
    if item.state != OperationItem.State.SENT or kind != "replay":
        return RESULT_OF[item.state]
    if letter is None or letter.state == DeadLetter.State.DISCARDED:
        return "skipped"
    if letter.state == DeadLetter.State.RESOLVED:
        return "handled"
    replaying = letter.state == DeadLetter.State.REPLAYING
    return "with the group" if replaying else "failed again"


def _took(group: str, event_ids: Sequence[UUID]) -> Mapping[UUID | None, float]:
    """Seconds each handling took."""
    marks = HandledEvent.objects.filter(event_id__in=event_ids, group__name=group)
    return {event_id: took / 1e6 for event_id, took in marks.values_list("event_id", "duration_us")}


def _replayed(
    item: OperationItem,
    operation: Operation,
    took: Mapping[UUID | None, float],
    domains: Mapping[str, str],
) -> Replayed:
    letter = letter_of(item.letter, domains) if item.letter else None
    result = _result(item, operation.kind)
    told, at = item.told, item.ended_at
    if letter and item.state == OperationItem.State.SENT:
        told = letter.error_class if result == "failed again" else ""
        at = {"failed again": letter.last_failed_at, "handled": letter.resolved_at}.get(result)
    elif item.state == OperationItem.State.SENT and result == "skipped":
        told = "its dead letter was removed meanwhile"
    took_s = took.get(item.event_id) if result == "handled" else None
    if item.result is not None:
        took_s = item.result.get("took_s")
    return Replayed(
        id=item.pk,
        result=result,
        event_id=item.event_id,
        letter=letter,
        at=at,
        took_s=took_s,
        told=told,
        relayed=bool(item.relayed_at or (item.letter and item.letter.redelivered_at)),
        found=item.result,
        said_id=item.said_id,
    )
