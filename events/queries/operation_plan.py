"""What an operation that is still a draft would do."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from events.groups import groups
from events.models import ConsumerGroup, HandledEvent, Operation, OperationItem
from events.queries.dead_letter import HandlerPlan, handlers_for
from events.queries.letter_edit import edited_among

MARKS_LOOKED_AT = 1_000
"""Newest inbox marks of all groups, among which those of this one tell how long an event takes."""


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """What beginning it would do, as far as that is known beforehand."""

    types: tuple[str, ...]
    handlers: tuple[HandlerPlan, ...]
    other_groups: tuple[str, ...]
    """Groups that read these types as well, and will see nothing."""
    readers: tuple[str, ...]
    """Groups that read these types, where everyone is given them; else empty."""
    already_handled: int
    """How many of them the group has handled since; those are closed without being run."""
    edited: int
    """How many were edited once: it is the original that is sent."""
    took_s: float | None
    """Seconds an event took the group lately, on average; None when it has handled none."""
    lasts_s: float | None
    """Seconds all of them would take one worker."""

    @property
    def external(self) -> bool:
        """Some handler calls the outside world, which may then be called again."""
        return any(handler.external for handler in self.handlers)


def plan_of(pk: int) -> OperationPlan | None:
    """The plan of one operation, or None. Five statements, two of them over its whole set."""
    operation = Operation.objects.filter(pk=pk).first()
    if operation is None:
        return None
    items = OperationItem.objects.filter(operation=pk)
    types = tuple(operation.details.get("types", ()))
    name = operation.group_name
    read_by = [one for one in groups() if not set(one.reads).isdisjoint(types)]
    to = [one for one in groups() if one.name == name] if name else read_by
    others = tuple(one.name for one in read_by if one.name != name)
    took_s = _took_s(name)
    done = HandledEvent.objects.filter(group__name=name, event_id=OuterRef("event_id"))
    return OperationPlan(
        types=types,
        handlers=tuple(handler for one in to for handler in handlers_for(one, types)),
        other_groups=others if name else (),
        readers=() if name else others,
        already_handled=items.filter(Exists(done)).count(),
        edited=edited_among(items.exclude(letter=None).values("letter")),
        took_s=took_s,
        lasts_s=took_s * operation.total if took_s is not None else None,
    )


def _took_s(group: str) -> float | None:
    number = ConsumerGroup.objects.filter(name=group).values_list("pk", flat=True).first()
    newest = HandledEvent.objects.order_by("-handled_at").values_list("group_id", "duration_us")
    took = [us for group_id, us in newest[:MARKS_LOOKED_AT] if group_id == number]
    return sum(took) / len(took) / 1e6 if took else None
