"""Dead letters that leave the console: masked, bounded, and on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from events.audit import Actor, record
from events.operations.permissions import check_operator, check_stepped_up
from events.queries.dead_letters import Shown
from events.queries.letter_export import csv_lines, ndjson_lines
from events.queries.letter_filter import LetterFilter
from events.store import writing

Format = Literal["csv", "ndjson"]

LINES = {"csv": csv_lines, "ndjson": ndjson_lines}


def export_letters(
    actor: Actor, chosen: LetterFilter, shown: Shown, wanted: Format
) -> Iterator[str]:
    """The lines of what matches, newest first, some at a time; MOST_EXPORTED at most, and a last
    line that says so where there were more.

    Raises Refused before anything is read when the actor may not, or has not given the password
    again. The audit row is written before the first line. A statement for each 500 letters.
    """
    check_operator(actor, "export")
    check_stepped_up(actor, "export dead letters")
    with writing():
        what = chosen.described or "everything"
        record(actor, "dead-letters.export", f"{shown} dead letters", "", asked=what, format=wanted)
    return LINES[wanted](chosen, shown)
