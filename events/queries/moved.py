"""What a move of a group has done, and whether there is a way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.models import Operation
from events.queries.group_move import Step

MOVE = "move"
"""Kind of an operation that moves a group on its streams; it has no items."""


BESIDES = ("pending", "read")
"""What is kept of a step for the way back alone."""


@dataclass(frozen=True, slots=True)
class Undone:
    """That a move was undone."""

    actor: str
    at: datetime
    reason: str
    gone: int
    """Entries that had been pending, and were not on the bus any more."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A move as it was carried out."""

    to: str
    steps: tuple[Step, ...]
    pending: int
    """Entries that were pending on these streams, kept for the way back."""
    undone: Undone | None
    refused: str
    """Why it cannot be undone any more; whether the group is at rest is another matter."""


def load(pk: int) -> Moved | None:
    """A move, or None where the operation is none. Two statements."""
    operation = Operation.objects.filter(pk=pk, kind=MOVE).first()
    if operation is None:
        return None
    steps = operation.details.get("steps", ())
    undone = operation.details.get("undone")
    return Moved(
        to=operation.details.get("to", ""),
        steps=tuple(
            Step(**{name: value for name, value in step.items() if name not in BESIDES})
            for step in steps
        ),
        pending=sum(len(step["pending"]) for step in steps),
        undone=Undone(
            undone["actor"],
            datetime.fromisoformat(undone["at"]),
            undone["reason"],
            undone["gone"],
        )
        if undone
        else None,
        refused=why_not_undone(operation),
    )


def why_not_undone(operation: Operation) -> str:
    """Why a move cannot be undone any more, as a sentence; empty when it can. One statement."""
    if undone := operation.details.get("undone"):
        return f"Operation {operation.pk} was undone already, by {undone['actor']}."
    later = Operation.objects.filter(
        kind=MOVE, group_name=operation.group_name, pk__gt=operation.pk
    ).order_by("-pk")
    for pk, details in later.values_list("pk", "details"):
        if "undone" not in details:
            return f"{operation.group_name} was moved again by operation {pk}: undo that one first."
    return ""
