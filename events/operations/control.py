"""Pausing, resuming and cancelling operations that are under way."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.models import DeadLetter, Operation, OperationItem
from events.operations.modes import check_who_may
from events.operations.permissions import check_operator, check_size
from events.operations.running import advance_now
from events.operations.settling import settle
from events.queries.moved import MOVE
from events.queries.operation_counts import counts
from events.store import after_commit, writing

State = Operation.State


def pause(actor: Actor, pk: int, reason: str = "") -> Operation:
    """Send nothing more for now; what is with the group goes on. Raises Refused."""
    return _move(actor, pk, reason, "pause", (State.RUNNING,), State.PAUSED)


def resume(actor: Actor, pk: int, reason: str = "") -> Operation:
    """Go on with one that was paused, or has stopped by itself: what failed until then is not held
    against what follows. Takes whoever may begin one in that mode. Raises Refused."""
    return _move(actor, pk, reason, "resume", (State.PAUSED, State.STOPPED), State.RUNNING)


def cancel(actor: Actor, pk: int, reason: str = "") -> Operation:
    """Send nothing more, for good; what is with the group goes on. Dead letters that wait for the
    bus are open again; stored events, whose marks may be forgotten by then, still go. Raises
    Refused."""
    return _move(actor, pk, reason, "cancel", Operation.UNDER_WAY, State.CANCELLED)


def _move(
    actor: Actor, pk: int, reason: str, verb: str, takes: Collection[str], becomes: State
) -> Operation:
    check_operator(actor, f"{verb} operations")
    with writing():
        operation = Operation.objects.select_for_update().filter(pk=pk).first()
        if operation is None:
            raise Refused(f"There is no operation {pk}.")
        if operation.kind == MOVE:
            raise Refused(
                f"Operation {pk} moved a group: it can be undone, there is nothing to {verb}."
            )
        check_size(actor, operation.total, verb)
        if becomes == State.RUNNING:
            check_who_may(actor, operation)
        if operation.state not in takes:
            raise Refused(f"Operation {pk} is {operation.state}: there is nothing to {verb}.")
        if operation.state == State.STOPPED and becomes == State.RUNNING:
            ended = counts([operation])[pk]
            operation.details = {**operation.details, "forgiven": [ended.handled, ended.failed]}
        operation.state = becomes
        operation.state_reason = _told(verb, actor, reason.strip())
        if becomes == State.CANCELLED:
            operation.ended_at = now()
            _take_back(operation)
            settle(operation)
        operation.save()
        record(
            actor,
            f"operation.{verb}",
            f"operation {pk}",
            reason.strip(),
            group=operation.group_name,
        )
        if becomes == State.RUNNING:
            after_commit(advance_now)
    return operation


def _take_back(operation: Operation) -> None:
    """Let what was not sent, and what waits for the bus, not be sent any more."""
    unsent = Q(state=OperationItem.State.WAITING)
    for_the_bus = Q(
        state=OperationItem.State.SENT,
        letter__state=DeadLetter.State.REPLAYING,
        letter__redelivered_at=None,
    )
    letters = operation.items.filter(for_the_bus).values_list("letter", flat=True)
    ids = list(operation.items.filter(unsent | for_the_bus).values_list("pk", flat=True))
    DeadLetter.objects.filter(pk__in=list(letters), redelivered_at=None).update(
        state=DeadLetter.State.NEW
    )
    operation.items.filter(pk__in=ids).update(
        state=OperationItem.State.SKIPPED, told="cancelled", ended_at=now()
    )


def _told(verb: str, actor: Actor, reason: str) -> str:
    done = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[verb]
    return f"{done} by {actor.name}" + (f": {reason}" if reason else "")
