"""Large operations: the set is frozen and shown first, and begun as it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.models import DeadLetter, Operation, OperationItem
from events.operations.decisions import DECISIONS, Decision
from events.operations.freezing import freeze
from events.operations.modes import check_begin
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.running import advance_now
from events.operations.sets import (
    HISTORY,
    REPLAYABLE,
    REPUBLISHED,
    check_chosen,
    note_failed_again,
)
from events.queries.letter_filter import LetterFilter
from events.store import after_commit, writing

DRAFT_KEPT = timedelta(days=1)
"""A draft nobody has confirmed is removed after this time."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an operation goes about its set."""

    ramp: bool = True
    """1, then 10, then 100, then the rest; each step waits until the one before has ended."""
    stop_percent: int = 10
    """It stops by itself when more of what has ended failed again."""
    rate_per_s: float | None = None
    """Most events a second; None for as many as the group takes."""

    def check(self) -> None:
        """Refuse what cannot be meant."""
        if not 0 <= self.stop_percent <= 100:
            raise Refused(f"Stop above {self.stop_percent} %: give a share from 0 to 100.")
        if self.rate_per_s is not None and not 0.1 <= self.rate_per_s <= 10_000:
            raise Refused(
                f"{self.rate_per_s:g} events a second: give a rate from 0.1 to 10 000, or none."
            )


def propose_replay(
    actor: Actor, chosen: LetterFilter, as_of: datetime | None = None, ids: Sequence[int] = ()
) -> Operation:
    """Freeze the open dead letters that match `chosen`, or exactly `ids`, as a draft.

    Those opened after `as_of`, the instant of the page on which they were chosen, are counted and
    not included. Nothing is done with them until `begin`. Raises Refused when the actor may not,
    when nothing matches, or when what matches is of several groups. Four statements, whatever the
    number.
    """
    check_operator(actor, "replay")
    rows = chosen.rows().filter(state__in=REPLAYABLE)
    if ids:
        check_chosen(ids, "replay")
        rows = rows.filter(pk__in=sorted(set(ids)))
    at = min(as_of or now(), now())
    with writing():
        names = _groups(rows.filter(opened_at__lte=at), "open dead letter")
        if len(names) > 1:
            told = " and ".join(names)
            raise Refused(f"A replay goes to one group; these belong to {told}. Choose one.")
        rows, shown = rows.filter(group_name=names[0]), Q(opened_at__lte=at)
        typed = rows.filter(shown).exclude(event_type="").order_by("event_type")
        types = list(typed.values_list("event_type", flat=True).distinct())
        return _draft(actor, "replay", names[0], chosen, at, rows, shown, types=types)


def propose_decision(
    actor: Actor, decision: Decision, chosen: LetterFilter, as_of: datetime | None = None
) -> Operation:
    """Freeze the dead letters that match `chosen`, of any groups, as a draft of a decision.

    Those that came into such a state after `as_of` are counted and not included. Raises Refused
    when the actor may not, or nothing matches. Three statements, whatever the number.
    """
    check_operator(actor, decision.verb)
    at = min(as_of or now(), now())
    rows = chosen.rows().filter(state__in=decision.takes)
    with writing():
        takes = "discarded" if decision.verb == "restore" else "open"
        names = _groups(rows.filter(decision.shown(at)), f"{takes} dead letter")
        name = names[0] if len(names) == 1 else ""
        return _draft(actor, decision.verb, name, chosen, at, rows, decision.shown(at))


def _groups(shown: QuerySet[DeadLetter], what: str) -> list[str]:
    """Groups they are of, three at most."""
    names = shown.order_by("group_name").values_list("group_name", flat=True).distinct()[:3]
    if not names:
        raise Refused(f"No {what} is like that any more: look at the list again.")
    return list(names)


def _draft(
    actor: Actor,
    kind: str,
    group: str,
    chosen: LetterFilter,
    as_of: datetime,
    rows: QuerySet[DeadLetter],
    shown: Q,
    **details: object,
) -> Operation:
    """Write the draft and its set: those of `rows` that were `shown`."""
    operation = Operation.objects.create(
        kind=kind,
        group_name=group,
        actor=actor.name,
        via=actor.via,
        state=Operation.State.DRAFT,
        asked={**chosen.as_json(), "as_of": as_of.isoformat()},
        details=details,
        not_included=rows.exclude(shown).count(),
        created_at=now(),
    )
    freeze(operation, rows.filter(shown).order_by("pk"), letter_id=F("pk"))
    return operation


def begin(actor: Actor, pk: int, reason: str, manner: Manner, typed: str = "") -> Operation:
    """Begin a draft: exactly its set, in this manner. `typed` is what `modes.to_type` asks for.

    A draft that was begun already stays as it is: a second click does nothing more. Raises Refused,
    and changes nothing, when the actor may not, no reason is given, its group is not declared, or
    another operation that is under way holds some of its events.
    """
    check_operator(actor, "begin operations")
    manner.check()
    with writing():
        operation = Operation.objects.select_for_update().filter(pk=pk).first()
        if operation is None:
            raise Refused(f"There is no operation {pk}: it may have been a draft that was left.")
        verb = operation.kind if operation.kind in DECISIONS else "replay"
        check_reason(reason, verb)
        if operation.state != Operation.State.DRAFT:
            return operation
        check_size(actor, operation.total, verb)
        if operation.kind in DECISIONS:
            manner = Manner(ramp=False)  # nothing is run that could fail
        else:
            check_begin(actor, operation, typed)
        record(
            actor,
            f"operation.{operation.kind}",
            f"operation {operation.pk}",
            reason.strip(),
            group=operation.group_name,
            events=operation.total,
            asked=operation.asked,
        )  # whoever else begins one waits here
        note_failed_again(operation.items.filter(letter__state__in=REPLAYABLE).values("letter"))
        _check_free(operation)
        check_alone(operation)
        operation.state, operation.started_at = Operation.State.RUNNING, now()
        operation.actor, operation.via, operation.reason = actor.name, actor.via, reason.strip()
        operation.ramp, operation.stop_percent = manner.ramp, manner.stop_percent
        operation.rate_per_s = manner.rate_per_s
        operation.save()
        after_commit(advance_now)
    return operation


def withdraw(actor: Actor, pk: int) -> None:
    """Throw a draft away. Raises Refused for one that was begun."""
    check_operator(actor, "withdraw drafts")
    with writing():
        operation = Operation.objects.select_for_update().filter(pk=pk).first()
        if operation is None:
            return
        if operation.state != Operation.State.DRAFT:
            raise Refused(
                f"Operation {pk} is {operation.state}: cancel it, it is no draft any more."
            )
        operation.delete()


def check_alone(operation: Operation) -> None:
    """Refuse a second one over stored events of a group, or of everyone: the inbox could forget an
    event twice, or the same be said twice."""
    if operation.kind not in (HISTORY, REPUBLISHED):
        return
    others = Operation.objects.filter(
        kind=operation.kind, group_name=operation.group_name, state__in=Operation.UNDER_WAY
    )
    if (other := others.exclude(pk=operation.pk).values_list("pk", flat=True).first()) is not None:
        whose = f"of {operation.group_name}" if operation.group_name else "for everyone"
        raise Refused(f"Operation {other} over stored events {whose} is under way: end it first.")


def _check_free(operation: Operation) -> None:
    elsewhere = OperationItem.objects.filter(
        letter=OuterRef("letter"),
        state__in=OperationItem.OPEN,
        operation__state__in=Operation.UNDER_WAY,
    ).exclude(operation=operation.pk)
    mine = operation.items.exclude(letter=None).filter(Exists(elsewhere))
    if count := mine.count():
        other = (
            OperationItem.objects.filter(
                letter__in=mine.values("letter"),
                state__in=OperationItem.OPEN,
                operation__state__in=Operation.UNDER_WAY,
            )
            .exclude(operation=operation.pk)
            .values_list(F("operation_id"), flat=True)
            .first()
        )
        raise Refused(f"{count:,} of these are part of operation {other}, which is under way.")
