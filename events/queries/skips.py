"""What operators have moved groups past, and nobody will ever deliver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.models import Operation
from events.queries.group_move import Position, parsed
from events.queries.moved import MOVE

Place = tuple[str, str]
"""Stream and group."""

Span = tuple[Position, Position]
"""Behind the first, up to the second."""


@dataclass(frozen=True, slots=True)
class Skips:
    """By stream and group, which entries were skipped."""

    spans: Mapping[Place, tuple[Span, ...]]

    @classmethod
    def of(cls, groups: Collection[str]) -> Skips:
        """What these groups were moved past and not moved back before: one statement."""
        rows = Operation.objects.filter(kind=MOVE, group_name__in=groups).order_by("pk")
        return cls(spans(rows.values_list("group_name", "details")))

    def cover(self, stream: str, group: str, entry_id: str, stored_at: datetime) -> bool:
        """Whether an event was skipped; where nobody knows its entry its time tells."""
        at = parsed(entry_id) if entry_id else (int(stored_at.timestamp() * 1_000), 0)
        return any(after < at <= until for after, until in self.spans.get((stream, group), ()))


def spans(moves: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[Place, tuple[Span, ...]]:
    """What moves, in their order, leave skipped: one forward skips, one back delivers again, one
    that was undone has never been."""
    found: dict[Place, tuple[Span, ...]] = {}
    for group, details in moves:
        if "undone" in details:
            continue
        for step in details.get("steps", ()):
            place = step["stream"], group
            before, after = parsed(step["before"]), parsed(step["after"])
            earlier = found.get(place, ())
            if after > before:
                found[place] = (*earlier, (before, after))
            else:
                kept = ((start, min(end, after)) for start, end in earlier)
                found[place] = tuple(span for span in kept if span[0] < span[1])
    return found
