"""A replay of a few dead letters, named one by one: asked for and begun at once."""

from __future__ import annotations

from collections.abc import Sequence

from events.audit import Actor, record
from events.envelope import now
from events.models import DeadLetter, Operation, OperationItem
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.redelivery import redeliver_now
from events.operations.sets import (
    REPLAYABLE,
    check_chosen,
    check_letters,
    check_one_group,
    note_failed_again,
    receiver,
)
from events.store import after_commit, writing


def replay_dead_letters(actor: Actor, ids: Sequence[int], reason: str) -> Operation:
    """Redeliver dead letters to the one group that failed; no other group sees anything.

    The set is exactly `ids`, all of one group, all open. Raises Refused, and changes nothing, when
    the actor may not, no reason is given, or the set is not such a set. The redelivery itself
    happens at once where the bus answers, else as soon as it does. Doing it twice is refused the
    second time: the first has moved the letters on.
    """
    wanted = sorted(set(ids))
    check_operator(actor, "replay")
    check_reason(reason, "replay")
    check_chosen(wanted, "replay")
    check_size(actor, len(wanted), "replay")
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
        check_letters(wanted, letters, REPLAYABLE, "replay")
        group = check_one_group(letters)
        receiver(group)
        operation = new_replay(actor, group, len(wanted), reason.strip())
        put_on_their_way(operation, letters)
        record(
            actor,
            "dead-letters.replay",
            f"operation {operation.pk}",
            operation.reason,
            group=operation.group_name,
            dead_letters=wanted,
            events=[str(letter.event_id) for letter in letters],
        )
        after_commit(redeliver_now)
    return operation


def put_on_their_way(operation: Operation, letters: Sequence[DeadLetter]) -> None:
    """Note letters as being replayed by an operation that is new; call it in its transaction."""
    note_failed_again([letter.pk for letter in letters])
    OperationItem.objects.bulk_create(
        OperationItem(
            operation=operation,
            letter=letter,
            event_id=letter.event_id,
            stream=letter.stream,
            state=OperationItem.State.SENT,
            sent_at=operation.started_at,
        )
        for letter in letters
    )
    DeadLetter.objects.filter(pk__in=[letter.pk for letter in letters]).update(
        state=DeadLetter.State.REPLAYING, redelivered_at=None, edit=None
    )


def new_replay(actor: Actor, group: str, total: int, reason: str) -> Operation:
    """An operation that is begun at once; call it in its transaction."""
    at = now()
    return Operation.objects.create(
        kind="replay",
        group_name=group,
        actor=actor.name,
        via=actor.via,
        reason=reason,
        state=Operation.State.RUNNING,
        total=total,
        created_at=at,
        started_at=at,
    )
