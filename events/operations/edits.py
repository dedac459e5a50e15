"""Replaying a dead letter with a payload that an operator has put right."""

from __future__ import annotations

from collections.abc import Mapping

from events.audit import Actor, record
from events.errors import Refused
from events.models import DeadLetter, EditedPayload, Operation
from events.operations.permissions import check_operator, check_reason
from events.operations.redelivery import redeliver_now
from events.operations.replays import new_replay, put_on_their_way
from events.operations.sets import REPLAYABLE, check_letters, receiver
from events.queries.letter_edit import editable, edited
from events.store import after_commit, writing


def replay_edited(actor: Actor, pk: int, sent: Mapping[str, str], reason: str) -> Operation:
    """Redeliver a dead letter to the group that failed, with the fields that were changed.

    `sent` are the fields of its form as texts (`queries.letter_edit`); those that are absent keep
    what they had. The event keeps its id, correlation and cause, so the group's inbox knows it as
    the original; the letter keeps its bytes and is closed when the group has handled it. Store and
    other groups keep what was said. Raises Refused, and changes nothing, when the actor may not, no
    reason is given, the letter is not open, nothing differs, or what was sent does not validate.
    """
    check_operator(actor, "edit and replay")
    check_reason(reason, "replay of an edited payload")
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk=pk))
        check_letters([pk], letters, REPLAYABLE, "edit and replay")
        letter = letters[0]
        receiver(letter.group_name)
        made = edited(editable(letter), sent)
        if made.wrong:
            raise Refused(
                f"The payload of dead letter {pk} is not as its type wants it, nothing was "
                f"replayed: {made.sentence}."
            )
        if not made.changes:
            raise Refused(f"Nothing of dead letter {pk} was changed: replay it as it is.")
        operation = new_replay(actor, letter.group_name, 1, reason.strip())
        put_on_their_way(operation, letters)
        edit = EditedPayload.objects.create(
            letter=letter,
            body=made.body,
            changes=[change.as_json() for change in made.changes],
            actor=actor.name,
            via=actor.via,
            reason=operation.reason,
            edited_at=operation.created_at,
            operation=operation,
        )
        DeadLetter.objects.filter(pk=pk).update(edit=edit)
        record(
            actor,
            "dead-letters.replay-edited",
            f"operation {operation.pk}",
            operation.reason,
            group=operation.group_name,
            dead_letters=[pk],
            events=[str(letter.event_id)],
            changed=[change.path for change in made.changes],
        )
        after_commit(redeliver_now)
    return operation
