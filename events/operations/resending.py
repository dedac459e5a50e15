"""Stored events that go to a group again: which of them are sent, and what its inbox forgets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from events.groups import find
from events.models import ConsumerGroup, DeadLetter, HandledEvent, Operation, OperationItem
from events.operations.modes import HANDLE_AGAIN
from events.operations.sets import skip

LOOKED_AT = 1_000
"""Most waiting items one step looks at: those the group knows cost no more than a look."""

Item = OperationItem.State


def send_events(operation: Operation, count: int, at: datetime) -> int:
    """Note the next items, at most `count`, as sent; how many. Call it in a transaction.

    Catching up, what the inbox knows is skipped on the way. To have them handled again the inbox
    forgets them, or the group would take them for done. Seven statements at most.
    """
    waiting = operation.items.filter(state=Item.WAITING).order_by("pk")[:LOOKED_AT]
    items = list(waiting.only("pk", "event_id"))
    items = _without_letters(operation, items, at)
    if _keeps_no_inbox(operation.group_name):
        told = "the group keeps no inbox: nobody could tell what became of it"
        skip(operation, {item.pk: told for item in items}, at)
        return 0
    number = ConsumerGroup.objects.filter(name=operation.group_name).values_list("pk", flat=True)
    marks = HandledEvent.objects.filter(group=number.first())
    if operation.details.get("mode") == HANDLE_AGAIN:
        ready = items[:count]
        marks.filter(event_id__in=[item.event_id for item in ready if item.event_id]).delete()
    else:
        looked_for = [item.event_id for item in items if item.event_id]
        known = set(marks.filter(event_id__in=looked_for).values_list("event_id", flat=True))
        done = [item.pk for item in items if item.event_id in known]
        skip(operation, dict.fromkeys(done, "already handled"), at)
        ready = [item for item in items if item.event_id not in known][:count]
    operation.items.filter(pk__in=[item.pk for item in ready]).update(state=Item.SENT, sent_at=at)
    return len(ready)


def _without_letters(
    operation: Operation, items: Sequence[OperationItem], at: datetime
) -> list[OperationItem]:
    """Skip events of which the group has a letter: it runs them only when that is replayed."""
    letters = DeadLetter.objects.filter(
        group_name=operation.group_name, event_id__in=[one.event_id for one in items]
    ).exclude(state=DeadLetter.State.RESOLVED)
    buried = set(letters.values_list("event_id", flat=True))
    skipped = [one.pk for one in items if one.event_id in buried]
    skip(operation, dict.fromkeys(skipped, "it is a dead letter of the group: replay that"), at)
    return [one for one in items if one.event_id not in buried]


def _keeps_no_inbox(name: str) -> bool:
    group = find(name)
    return group is not None and group.idempotent
