"""Closing dead letters unhandled, and opening them again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q

from events.audit import Actor, record
from events.envelope import now
from events.models import DeadLetter, Operation, OperationItem
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.sets import (
    REPLAYABLE,
    check_chosen,
    check_letters,
    frozen_at,
    note_failed_again,
    skip,
    why_skipped,
)
from events.store import writing


@dataclass(frozen=True, slots=True)
class Decision:
    """What closes or opens dead letters without running anything."""

    verb: str
    done: str
    takes: Collection[str]
    """States of letters it may be said of."""
    becomes: str
    since: Literal["opened_at", "resolved_at"]
    """When a letter came into such a state."""

    def shown(self, as_of: datetime) -> Q:
        """Letters it may be said of that were so at this instant, and have stayed so."""
        return Q(state__in=self.takes, **{f"{self.since}__lte": as_of})


DISCARD = Decision("discard", "discarded", REPLAYABLE, DeadLetter.State.DISCARDED, "opened_at")
RESTORE = Decision(
    "restore", "restored", (DeadLetter.State.DISCARDED,), DeadLetter.State.NEW, "resolved_at"
)

DECISIONS: Mapping[str, Decision] = {one.verb: one for one in (DISCARD, RESTORE)}
"""By verb, which is the kind of an operation that does it to many."""

AT_ONCE = 1_000
"""Letters decided in one transaction: a long one would hold SQLite's only write lock."""


def decide(actor: Actor, ids: Sequence[int], reason: str, decision: Decision) -> int:
    """DISCARD dead letters: close them unhandled, to be restored until the janitor removes them; or
    RESTORE them: open them again. How many.

    The set is exactly `ids`, of any groups, all in a state the decision takes. Raises Refused, and
    changes nothing, when the actor may not, no reason is given, or the set is not such a set.
    """
    wanted = sorted(set(ids))
    check_operator(actor, decision.verb)
    check_reason(reason, decision.verb)
    check_chosen(wanted, decision.verb)
    check_size(actor, len(wanted), decision.verb)
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk__in=wanted))
        check_letters(wanted, letters, decision.takes, decision.verb)
        _move(wanted, decision, now())
        record(
            actor,
            f"dead-letters.{decision.verb}",
            f"{len(wanted)} dead letters" if len(wanted) > 1 else f"dead letter {wanted[0]}",
            reason.strip(),
            dead_letters=wanted,
            groups=sorted({letter.group_name for letter in letters}),
        )
    return len(wanted)


def carry_out(operation: Operation, decision: Decision) -> None:
    """Decide on the next AT_ONCE of an operation's frozen set; call it in its transaction.

    Letters that are not any more as they were shown are left alone and said to be. Six statements,
    and one for each reason.
    """
    at = now()
    waiting = operation.items.filter(state=OperationItem.State.WAITING).order_by("pk")[:AT_ONCE]
    letter_of = dict(waiting.values_list("pk", "letter"))
    rows = DeadLetter.objects.select_for_update().filter(pk__in=set(letter_of.values()) - {None})
    letters = {row.pk: row for row in rows.only("state", "opened_at", "resolved_at")}
    as_of = frozen_at(operation)
    fit = {pk for pk, row in letters.items() if _as_shown(row, decision, as_of)}
    _move(fit, decision, at)
    done = [item for item, pk in letter_of.items() if pk in fit]
    operation.items.filter(pk__in=done).update(
        state=OperationItem.State.HANDLED, sent_at=at, ended_at=at
    )
    left = {item: letters.get(pk) for item, pk in letter_of.items() if pk not in fit}
    skip(operation, {pk: why_skipped(row, decision.takes) for pk, row in left.items()}, at)


def _as_shown(letter: DeadLetter, decision: Decision, as_of: datetime) -> bool:
    since = getattr(letter, decision.since)
    return letter.state in decision.takes and since is not None and since <= as_of


def _move(ids: Collection[int], decision: Decision, at: datetime) -> None:
    """Close or open letters that are locked."""
    closes = decision.becomes == DeadLetter.State.DISCARDED
    if closes:
        note_failed_again(ids)
    moments: dict[str, datetime | None] = (
        {"resolved_at": at} if closes else {"resolved_at": None, "opened_at": at}
    )
    DeadLetter.objects.filter(pk__in=ids).update(state=decision.becomes, **moments)
