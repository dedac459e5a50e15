"""How often something failed lately: counts in equal stretches of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.db.models import Case, QuerySet, Value, When

from events.models import DeadLetter
from events.queries.dead_letters import STATES, Shown
from events.queries.letter_filter import LetterFilter

LOOKED_BACK = timedelta(hours=24)

STRETCHES = 12
"""Points of a trend."""

MOST_COUNTED = 1_000
"""Failures in one state that are counted; where there were more, the trend is of a shorter time."""

Series = tuple[tuple[datetime, float], ...]


def trends(
    chosen: LetterFilter, states: Collection[str], columns: Sequence[str], at: datetime
) -> Callable[[tuple[str, ...]], Series]:
    """The trend of each key, a value of all `columns`: (end of the stretch, failures in it).

    Two statements per state along an index in order of time, MOST_COUNTED entries of it at most.
    """
    per_state = [_since(chosen, state, at - LOOKED_BACK) for state in states]
    start = max((_start(rows, at) for rows in per_state), default=at - LOOKED_BACK)
    step = (at - start) / STRETCHES
    ends = [start + step * number for number in range(1, STRETCHES + 1)]
    counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * STRETCHES)
    stretch = Case(
        *(When(last_failed_at__lt=end, then=Value(n)) for n, end in enumerate(ends[:-1])),
        default=Value(STRETCHES - 1),
    )
    for rows in per_state:
        # Counted here: to group by a line and a stretch the database sorts, at twice the time.
        lately = rows.filter(last_failed_at__gte=start).order_by("-last_failed_at")
        told = lately.annotate(stretch=stretch).values_list(*columns, "stretch")
        for *key, number in told[: MOST_COUNTED + 1]:
            counts[tuple(key)][number] += 1
    return lambda key: tuple(zip(ends, counts.get(key, [0] * STRETCHES), strict=True))


def trend(chosen: LetterFilter, shown: Shown, at: datetime) -> Series:
    """The trend of everything that matches."""
    return trends(chosen, STATES[shown], (), at)(())


def _since(chosen: LetterFilter, state: str, start: datetime) -> QuerySet[DeadLetter]:
    return chosen.rows().filter(state=state).filter(last_failed_at__gte=start)


def _start(rows: QuerySet[DeadLetter], at: datetime) -> datetime:
    """From when on at most MOST_COUNTED have failed."""
    newest = rows.order_by("-last_failed_at").values_list("last_failed_at", flat=True)
    found = list(newest[MOST_COUNTED : MOST_COUNTED + 1])
    return found[0] if found else at - LOOKED_BACK
