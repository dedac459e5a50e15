"""Dead letters as lines of a file: CSV or NDJSON, masked like every page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from events.groups import groups
from events.models import DeadLetter
from events.privacy import masked
from events.queries.dead_letters import Position, Shown, event_of, letter_of, positions
from events.queries.letter_filter import LetterFilter

MOST_EXPORTED = 50_000
"""Letters of one file."""

AT_ONCE = 500
"""Letters read, and lines given, at a time."""

COLUMNS = (
    "id", "group", "event_id", "event_type", "entity_id", "correlation_id", "kind", "error_class",
    "message", "state", "fingerprint", "attempts", "synthetic", "code_version", "owner", "note",
    "first_failed_at", "last_failed_at", "resolved_at",
)  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet would run."""

LEFT_OUT = f"More match: these are the {MOST_EXPORTED:,} that failed last. Narrow the search."


def csv_lines(chosen: LetterFilter, shown: Shown) -> Iterator[str]:
    """A heading, then a line per letter. Cells that a spreadsheet would run begin with an
    apostrophe."""
    yield _csv([COLUMNS])
    left = MOST_EXPORTED
    for rows, more in _pages(chosen, shown):
        yield _csv([[neutral(row[name]) for name in COLUMNS] for row in rows])
        left -= len(rows)
        if more and left <= 0:
            yield _csv([[LEFT_OUT]])


def ndjson_lines(chosen: LetterFilter, shown: Shown) -> Iterator[str]:
    """An object per letter, with the payload of its event, masked."""
    left = MOST_EXPORTED
    for rows, more in _pages(chosen, shown):
        yield "".join(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows)
        left -= len(rows)
        if more and left <= 0:
            yield json.dumps({"left_out": LEFT_OUT}) + "\n"


def neutral(value: object) -> str:
    """A cell no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _pages(chosen: LetterFilter, shown: Shown) -> Iterator[tuple[list[dict[str, Any]], bool]]:
    """Letters with what only their rows say, and whether there are more.

    What fails while they are read is newer than all of them, and not among them.
    """
    domains = {group.name: group.domain for group in groups()}
    before: Position | None = None
    for _ in range(-(-MOST_EXPORTED // AT_ONCE)):
        found = positions(shown, chosen, before, AT_ONCE + 1)
        ids = [pk for _, pk in found[:AT_ONCE]]
        rows = DeadLetter.objects.defer("traceback").in_bulk(ids)
        more = len(found) > AT_ONCE
        yield [_told(rows[pk], domains) for pk in ids if pk in rows], more
        if not more:
            return
        before = found[AT_ONCE - 1]


def _told(row: DeadLetter, domains: Mapping[str, str]) -> dict[str, Any]:
    letter, event = letter_of(row, domains), event_of(row)
    besides = {"code_version": row.code_version, "owner": row.owner, "note": row.note}
    told = {name: getattr(letter, name) for name in COLUMNS if name not in besides}
    return {**told, **besides, "data": masked(event) if event else None}


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
