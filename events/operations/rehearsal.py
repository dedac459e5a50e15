"""Running a group's handlers on one event, to see what would come of it."""

from __future__ import annotations

from dataclasses import replace

from events.audit import Actor, record
from events.errors import Refused
from events.models import DeadLetter
from events.operations.permissions import check_operator
from events.operations.sets import receiver
from events.operations.stage import Rehearsal, rehearsed
from events.store import writing


def rehearse_letter(actor: Actor, pk: int, body: bytes | None = None) -> Rehearsal:
    """Run the group's handlers on a dead letter's event, or on `body` in its place; roll all back.

    Nothing reaches store, bus or inbox, no callback of a commit is run, the letter stays as it is;
    the audit says that it was rehearsed. It costs what the handlers cost, up to LONGEST_S, one
    connection and one thread. Meanwhile a transaction is open: on SQLite it holds the one write
    lock, and everything that writes waits, workers too; on PostgreSQL the rows it touches are
    locked. Sequences go on counting, which nobody sees.

    What a handler does past the ORM of this thread is not undone: hence Refused for one that calls
    the outside world; also when the actor may not, when the letter killed its workers or is no
    event, and while another rehearsal is under way in this process.
    """
    check_operator(actor, "rehearse")
    letter = DeadLetter.objects.filter(pk=pk).first()
    if letter is None:
        raise Refused(f"There is no dead letter {pk}.")
    group = receiver(letter.group_name)
    if letter.kind == DeadLetter.Kind.POISON:
        raise Refused(
            f"Dead letter {pk} is poison: it ended the workers that handled it, or is no event at "
            "all. A rehearsal would end this process too, or run nothing."
        )
    found = rehearsed(
        group,
        letter.stream,
        letter.event_id,
        bytes(letter.body) if body is None else body,
    )
    found = replace(found, edited=body is not None)
    _note(actor, f"dead letter {pk}", found)
    return found


def _note(actor: Actor, target: str, found: Rehearsal) -> None:
    with writing():
        record(
            actor,
            "rehearse",
            target,
            group=found.group,
            outcome=found.outcome,
            edited=found.edited,
            event=str(found.event_id),
        )
