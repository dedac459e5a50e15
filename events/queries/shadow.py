"""What a shadow operation has found: how many would fail, by error, and what would be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min

from events.models import OperationItem

MOST_READ = 1_000
"""Rehearsals whose results are added up; more would be read for every look at the page."""

ERRORS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class WouldFail:
    """Events that would fail with the same error."""

    error: str
    count: int
    message: str
    """Of the first of them; masked."""


@dataclass(frozen=True, slots=True)
class Written:
    """Rows of one table, over all the events that were added up."""

    table: str
    inserted: int
    updated: int
    deleted: int
    upserted: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """What was found so far."""

    failures: tuple[WouldFail, ...]
    says: Mapping[str, int]
    """By event type how many would be said, the most first."""
    writes: tuple[Written, ...]
    added_up: int
    """How many of those that would be handled `says` and `writes` speak of."""
    partly: bool
    """There are more than were added up."""
    already_handled: int
    """How many of those that were looked at the group has handled, whatever a rehearsal found."""


def load(pk: int) -> Shadow:
    """The findings of one operation. Three statements along an index; up to MOST_READ results and
    one message for each error are read."""
    items = OperationItem.objects.filter(operation=pk)
    ended = items.exclude(result=None).order_by("pk").values_list("result", flat=True)
    results = [result for result in ended[: MOST_READ + 1] if result]
    added = [result for result in results[:MOST_READ] if result["outcome"] == "handled"]
    says = Counter(name for result in added for name in result["said"])
    return Shadow(
        failures=_failures(pk),
        says=dict(says.most_common()),
        writes=_written(added),
        added_up=len(added),
        partly=len(results) > MOST_READ,
        already_handled=sum(result["already_handled"] for result in results[:MOST_READ]),
    )


def _failures(pk: int) -> tuple[WouldFail, ...]:
    bad = OperationItem.objects.filter(operation=pk, state=OperationItem.State.FAILED)
    counted = bad.order_by().values_list("told").annotate(count=Count("pk"), first=Min("pk"))
    largest = sorted(counted, key=lambda row: -row[1])[:ERRORS_SHOWN]
    firsts = [first for _, _, first in largest]
    messages = dict(bad.filter(pk__in=firsts).values_list("pk", "result__message"))
    return tuple(
        WouldFail(told, count, messages.get(first) or "") for told, count, first in largest
    )


def _written(results: list[dict[str, Any]]) -> tuple[Written, ...]:
    tables: dict[str, list[int]] = {}
    for result in results:
        for table, *counts in result["rows"]:
            before = tables.setdefault(table, [0, 0, 0, 0])
            tables[table] = [one + other for one, other in zip(before, counts, strict=True)]
    return tuple(Written(table, *counts) for table, counts in sorted(tables.items()))
