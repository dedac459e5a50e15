"""Trying a dead letter from the command line: what a rehearsal tells, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from events.management.output import printable, table
from events.operations import Rehearsal


def rehearsal_lines(found: Rehearsal) -> Iterator[str]:
    """What would come of it, or the traceback."""
    if found.already_handled:
        yield f"{found.group} has handled this event already: a replay would run nothing."
    if found.outcome == "too long":
        yield found.message
        return
    if found.outcome == "failed":
        yield f"It would fail: {found.error_class}: {printable(found.message)}"
        yield "\n".join(printable(line) for line in found.traceback.splitlines())
        return
    yield f"It would be handled by {found.group}, in {found.took_s:.3f} s; all was rolled back."
    if found.rows:
        rows = [
            [rows.table, rows.inserted, rows.updated, rows.upserted, rows.deleted]
            for rows in found.rows
        ]
        headings = ["Table", "Inserted", "Updated", "Either", "Deleted"]
        yield table(headings, rows, right={1, 2, 3, 4})
    for said in found.said:
        yield f"It would say {said.event_type} {printable(said.entity_id)} {printable(said.data)}"
