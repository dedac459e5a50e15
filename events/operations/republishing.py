"""Saying stored events again: to everyone who reads them, each as a new event with a new id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from events.bus import publish
from events.conf import bus_settings
from events.envelope import Event, readable
from events.errors import InvalidEvent, UnknownType
from events.groups import groups
from events.models import DeadLetter, HandledEvent, Operation, OperationItem, StoredEvent
from events.operations.sets import end, skip

WAITED_FOR = timedelta(seconds=60)
"""So long the groups that read an event are waited for before it counts as said, handled by all of
them or not: one that is paused, or that nobody runs, holds up nobody."""

REPLAY_OF, REPLAY_OPERATION = "replay_of", "replay_operation"
"""In the metadata: id of the event that is said again, and number of the operation."""

Item = OperationItem.State


def say_again(operation: Operation, count: int, at: datetime) -> int:
    """Publish the next `count` items that wait, in the present transaction; how many that were.

    What is not stored any more, or does not validate as its version any more, is skipped. A handful
    of statements, and one for each reason.
    """
    items = list(operation.items.filter(state=Item.WAITING).order_by("pk")[:count])
    ids = [item.event_id for item in items if item.event_id]
    rows = StoredEvent.objects.filter(event_id__in=ids)
    bodies: dict[UUID | None, str] = dict(rows.values_list("event_id", "body"))
    said: list[tuple[OperationItem, Event]] = []
    skipped: dict[int, str] = {}
    for item in items:
        made = _made_again(bodies.get(item.event_id), operation)
        if isinstance(made, Event):
            said.append((item, made))
        else:
            skipped[item.pk] = made
    publish(*(event for _, event in said))
    for item, event in said:
        item.said_id = event.event_id
    OperationItem.objects.bulk_update([item for item, _ in said], ["said_id"])
    operation.items.filter(pk__in=[item.pk for item, _ in said]).update(
        state=Item.SENT, sent_at=at, relayed_at=at
    )
    skip(operation, skipped, at)
    return len(said)


def observe_said(operation: Operation, sent: QuerySet[OperationItem], at: datetime) -> None:
    """Note what became of events that were said again: a dead letter in any group is a failure;
    else each has ended when all groups that keep an inbox have handled it, or after WAITED_FOR.
    Three statements, and one for each outcome."""
    items = list(sent.only("said_id", "stream", "sent_at"))
    ids = [item.said_id for item in items if item.said_id]
    letters = DeadLetter.objects.filter(event_id__in=ids, state__in=DeadLetter.OPEN)
    told = letters.order_by("pk").values_list("event_id", "error_class", "group_name")
    failed = {event_id: f"{error} in {group}" for event_id, error, group in told}
    marks = HandledEvent.objects.filter(event_id__in=ids)
    done = set(marks.values_list("event_id", "group__name"))
    readers = _readers()
    ends: dict[str, dict[int, str]] = {Item.FAILED: {}, Item.HANDLED: {}}
    for item in items:
        behind = [name for name in readers.get(item.stream, ()) if (item.said_id, name) not in done]
        if item.said_id in failed:
            ends[Item.FAILED][item.pk] = failed[item.said_id]
        elif not behind:
            ends[Item.HANDLED][item.pk] = ""
        elif item.sent_at is None or at - item.sent_at > WAITED_FOR:
            ends[Item.HANDLED][item.pk] = f"not handled yet by {', '.join(behind)}"
    for state, texts in ends.items():
        end(operation, state, texts, at)


def _made_again(body: str | None, operation: Operation) -> Event | str:
    """The new event, or why there is none.

    What happened, happened when it did: the time is kept, the chain too, in which the original is
    its cause.
    """
    if body is None:
        return "it is not stored any more"
    original = readable(body)
    if original is None:
        return "what is stored of it is no event"
    try:
        return Event.new(
            original.label,
            original.data,
            producer=f"replay@{bus_settings().version}",
            entity_id=original.entity_id,
            occurred_at=original.occurred_at,
            correlation_id=original.correlation_id,
            causation_id=original.event_id,
            metadata={
                **original.metadata,
                "depth": original.depth + 1,
                REPLAY_OF: str(original.event_id),
                REPLAY_OPERATION: operation.pk,
            },
        )
    except UnknownType:
        return f"nobody registers {original.label} any more"
    except InvalidEvent as error:
        fields = ", ".join(problem.field for problem in error.problems)
        return f"{original.label} does not take it any more: {fields}"


def _readers() -> Mapping[str, list[str]]:
    """By stream, the groups that read it and keep an inbox."""
    found: dict[str, list[str]] = {}
    for group in groups():
        for stream in () if group.idempotent else group.streams:
            found.setdefault(stream, []).append(group.name)
    return found
