"""How many items of operations are in which state, without counting those that ended long ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F

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
    sent or have ended: those before are counted in the row."""
    found = {(row.pk, state): tuple(told) for row in rows for state, told in row.settled.items()}
    pairs = (
        Operation.objects.filter(
            pk__in=[row.pk for row in rows],
            items__state__in=(Item.SENT, *ENDED),
            items__pk__gt=F("settled_to"),
        )
        .order_by()
        .values_list("pk", "items__state")
        .annotate(Count("items"), Count("items__sent_at"))
    )
    for pk, state, count, tried in pairs:
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
