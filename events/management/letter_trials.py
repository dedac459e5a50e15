"""One dead letter tried or edited from the command line: what is told of it, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.core.management.base import CommandError

from events.management.actors import at_the_shell
from events.management.output import printable, table
from events.operations import Rehearsal, replay_edited
from events.queries import letter_edit
from events.queries.letter_edit import Edit


def edit(pk: int, changes: Sequence[str], reason: str) -> Edit:
    """Edit and replay one; `changes` are ``field=value``. Raises Refused, CommandError for a field
    that its payload does not have."""
    sent = dict(change.partition("=")[::2] for change in changes)
    original = letter_edit.load(pk)
    unknown = sorted(set(sent) - set(original.shown())) if original else []
    if unknown:
        raise CommandError(f"Its payload has no field {printable(unknown[0])}.", returncode=1)
    operation = replay_edited(at_the_shell(), pk, sent, reason)
    (made,) = letter_edit.edits_of_operation(operation.pk)
    return made


def edit_lines(made: Edit) -> Iterator[str]:
    """What was changed, and the operation that sends it."""
    yield f"Operation {made.operation}: dead letter {made.letter} edited and replayed."
    rows = [[change.path, change.before, change.after] for change in made.changes]
    yield table(["Field", "Before", "After"], rows)


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
