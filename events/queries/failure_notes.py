"""What operators say of failures: who owns one, what is known, until when it is silenced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from events.models import DeadLetter, FailureNote

Key = tuple[str, ...]
"""Group and fingerprint."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one failure."""

    owner: str
    note: str
    silenced_until: datetime | None
    """None when it is not silenced, or not any more."""
    changed_at: datetime
    changed_by: str


def said_of(keys: Collection[Key], at: datetime) -> Mapping[Key, Said]:
    """By group and fingerprint; failures nobody has said anything of are absent. One statement."""
    if not keys:
        return {}
    rows = FailureNote.objects.filter(fingerprint__in={key[1] for key in keys})
    found = {(row.group_name, row.fingerprint): _said(row, at) for row in rows}
    return {key: found[key[0], key[1]] for key in keys if (key[0], key[1]) in found}


def silenced_by_group(at: datetime) -> Mapping[str, int]:
    """Open dead letters of silenced failures, per group: one statement while nothing is silenced,
    then one more for each open state."""
    silenced = FailureNote.objects.filter(silenced_until__gt=at)
    keys = set(silenced.values_list("group_name", "fingerprint"))
    names, marks = {name for name, _ in keys}, {mark for _, mark in keys}
    counts: Counter[str] = Counter()
    for state in DeadLetter.OPEN if keys else ():
        rows = DeadLetter.objects.filter(state=state, group_name__in=names, fingerprint__in=marks)
        grouped = rows.order_by().values_list("group_name", "fingerprint")
        for name, mark, count in grouped.annotate(count=Count("*")):
            counts[name] += count if (name, mark) in keys else 0
    return counts


def _said(row: FailureNote, at: datetime) -> Said:
    until = row.silenced_until
    return Said(
        owner=row.owner,
        note=row.note,
        silenced_until=until if until and until > at else None,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )
