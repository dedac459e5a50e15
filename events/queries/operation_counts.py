"""How many items of operations are in which state, without counting those that ended long ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Count, Q

from events.models import Operation, OperationItem

Item = OperationItem.State

ENDED = (Item.HANDLED, Item.FAILED, Item.SKIPPED)
"""States that an item never leaves."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items of an operation are in which state."""

    waiting: int
    sent: int
    handled: int
    failed: int
    skipped: int
    tried: int
    """Sent, whatever became of them."""


def counts(rows: Sequence[Operation]) -> dict[int, Counts]:
    """By operation. One statement along an index, which reads items behind `settled_to` that were
    sent or have ended: those before are counted in the row.

    Behind the number of the very row that was given: counts and number were read together, and
    stay right when the operation moves on meanwhile.
    """
    found = {(row.pk, state): tuple(told) for row in rows for state, told in row.settled.items()}
    behind = [Q(operation=row.pk, pk__gt=row.settled_to) for row in rows]
    items = OperationItem.objects.filter(state__in=(Item.SENT, *ENDED))
    pairs = items.filter(reduce(or_, behind)).order_by() if behind else items.none()
    told_of = pairs.values_list("operation", "state").annotate(Count("pk"), Count("sent_at"))
    for pk, state, count, tried in told_of:
        before = found.get((pk, state), (0, 0))
        found[pk, state] = (before[0] + count, before[1] + tried)
    return {row.pk: _counts(row, found) for row in rows}


def _counts(row: Operation, found: dict[tuple[int, str], tuple[int, ...]]) -> Counts:
    told = {state: found.get((row.pk, state), (0, 0)) for state in (Item.SENT, *ENDED)}
    return Counts(
        waiting=row.total - sum(count for count, _ in told.values()),
        sent=told[Item.SENT][0],
        handled=told[Item.HANDLED][0],
        failed=told[Item.FAILED][0],
        skipped=told[Item.SKIPPED][0],
        tried=sum(tried for _, tried in told.values()),
    )
