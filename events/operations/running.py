"""Moving operations on: sending what may be sent, and seeing what became of it."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from events import transport
from events.audit import Actor, record
from events.conf import bus_settings
from events.envelope import now
from events.errors import BusRefused, BusUnavailable
from events.groups import every
from events.models import DeadLetter, HandledEvent, Operation, OperationItem
from events.operations.decisions import DECISIONS, carry_out
from events.operations.redelivery import redeliver_now
from events.operations.republishing import observe_said, say_again
from events.operations.resending import send_events
from events.operations.sets import (
    HISTORY,
    REHEARSED,
    REPLAYABLE,
    REPUBLISHED,
    frozen_at,
    note_failed_again,
    skip,
    why_skipped,
)
from events.operations.settling import settle
from events.queries.moved import MOVE
from events.queries.operation_counts import Counts, counts
from events.store import writing

logger = logging.getLogger(__name__)

LEASE, LEASE_S = "operations", 30.0

JUDGED_FROM = 10
"""Without a ramp it is judged once so many have ended: of fewer a share says little."""

STEPS = (1, 11, 111)
"""After so many a ramp waits until all have ended: 1, then 10, then 100, then the rest."""

MOST_IN_FLIGHT = 1_000
"""Events of one operation that are with its group at a time: what is sent cannot be stopped."""

BURST_S = 1.0
"""A rate is caught up for at most this long."""

ROUNDING = 1e-6
"""A whole event is sent when its time has come, whatever a division has made of it."""

ITSELF = Actor("operations", "scheduler")
"""Who stops an operation of which too much has failed."""

Item = OperationItem.State


@every(0.5, name="operations")
def advance_operations() -> None:
    """See what became of what was sent, send more, and end what has come to its end.

    One process at a time; a handful of statements for each operation that is under way, whatever
    the size of its set. Raises BusUnavailable.
    """
    leases, token = transport.current().leases, secrets.token_hex(8)
    if not leases.acquire(LEASE, token, LEASE_S):
        return
    try:
        sent = Exists(OperationItem.objects.filter(operation=OuterRef("pk"), state=Item.SENT))
        under_way = Operation.objects.filter(state__in=Operation.UNDER_WAY).exclude(
            kind__in=(MOVE, REHEARSED)
        )
        late = Operation.objects.filter(state=Operation.State.CANCELLED).filter(sent)
        for pk in [*under_way.values_list("pk", flat=True), *late.values_list("pk", flat=True)]:
            advance(pk)
    finally:
        with suppress(BusUnavailable, BusRefused):  # it ends by itself
            leases.drop(LEASE, token)


def advance_now() -> None:
    """`advance_operations`, and put what that sends on the bus; the jobs do it where it is away."""
    try:
        advance_operations()
    except (BusUnavailable, BusRefused) as error:
        logger.warning("operations wait: %s", error)
        return
    redeliver_now()


def advance(pk: int) -> None:
    """Move one operation on; while the console is read-only, only see what became of it."""
    with writing():
        operation = Operation.objects.select_for_update().filter(pk=pk).first()
        if operation is None:
            return
        _observe(operation)
        settle(operation)
        if operation.state != Operation.State.RUNNING or bus_settings().read_only:
            return
        progress = counts([operation])[operation.pk]
        if told := _stops(operation, progress):
            _stop(operation, told)
        elif progress.waiting and operation.kind in DECISIONS:
            carry_out(operation, DECISIONS[operation.kind])
        elif progress.waiting:
            _send(operation, progress)
        elif not progress.sent:
            operation.state, operation.ended_at = Operation.State.DONE, now()
            operation.save(update_fields=["state", "ended_at"])


def may_send(progress: Counts, *, ramp: bool) -> int:
    """How many more a group may be given now, its rate aside."""
    window = MOST_IN_FLIGHT - progress.sent
    if ramp:
        for step in STEPS:
            if progress.tried == step and progress.sent:
                return 0
            if progress.tried < step:
                return min(step - progress.tried, window)
    return max(window, 0)


def _stops(operation: Operation, progress: Counts) -> str:
    """Why an operation has to stop, as a sentence; empty when it may go on.

    A ramp is judged when a step has ended, and all the time after the last one. Where nothing is
    left to be sent there is nothing to stop.
    """
    if not progress.waiting or (operation.ramp and progress.sent and progress.tried <= STEPS[-1]):
        return ""
    handled_before, failed_before = operation.details.get("forgiven", (0, 0))
    failed = progress.failed - failed_before
    ended = failed + progress.handled - handled_before
    if failed <= 0 or failed * 100 <= operation.stop_percent * ended:
        return ""
    if not operation.ramp and ended < JUDGED_FROM:
        return ""
    return (
        f"{failed:,} of {ended:,} failed again, more than {operation.stop_percent} %; "
        f"{progress.waiting:,} were not tried"
    )


def _stop(operation: Operation, told: str) -> None:
    operation.state, operation.state_reason = Operation.State.STOPPED, told
    operation.save(update_fields=["state", "state_reason"])
    record(ITSELF, "operation.stop", f"operation {operation.pk}", told, group=operation.group_name)


def _send(operation: Operation, progress: Counts) -> None:
    """Let the next items go on their way; those of which that is no longer wanted are skipped."""
    at = now()
    count = min(may_send(progress, ramp=operation.ramp), _allowed(operation, at))
    if count <= 0:
        return
    if operation.kind == HISTORY:
        _note_sent(operation, send_events(operation, count, at), at)
        return
    if operation.kind == REPUBLISHED:
        _note_sent(operation, say_again(operation, count, at), at)
        return
    waiting = operation.items.filter(state=Item.WAITING).order_by("pk")[:count]
    as_of = frozen_at(operation)
    items = list(waiting)
    # Locked: another may be about to replay or discard one of them.
    locked = DeadLetter.objects.select_for_update().filter(
        pk__in=[one.letter_id for one in items if one.letter_id]
    )
    found = {letter.pk: letter for letter in locked.only("state", "opened_at").order_by("pk")}
    letters = {
        letter.pk
        for letter in found.values()
        if letter.state in REPLAYABLE and letter.opened_at <= as_of
    }
    ready = [one for one in items if one.letter_id in letters]
    note_failed_again(letters)
    DeadLetter.objects.filter(pk__in=letters).update(
        state=DeadLetter.State.REPLAYING, redelivered_at=None, edit=None
    )
    operation.items.filter(pk__in=[one.pk for one in ready]).update(state=Item.SENT, sent_at=at)
    left = {one.pk: one.letter_id for one in items if one.letter_id not in letters}
    told = {pk: why_skipped(found.get(letter or 0), REPLAYABLE) for pk, letter in left.items()}
    skip(operation, told, at)
    _note_sent(operation, len(ready), at)


def _allowed(operation: Operation, at: datetime) -> int:
    """How many the rate lets go now."""
    if operation.rate_per_s is None:
        return MOST_IN_FLIGHT
    if operation.sent_at is None:
        return max(1, int(operation.rate_per_s * BURST_S / 2))
    elapsed_s = min(
        (at - operation.sent_at).total_seconds(), max(BURST_S, 1 / operation.rate_per_s)
    )
    return int(elapsed_s * operation.rate_per_s + ROUNDING)


def _note_sent(operation: Operation, count: int, at: datetime) -> None:
    if operation.rate_per_s and operation.sent_at:
        spent = operation.sent_at + timedelta(seconds=count / operation.rate_per_s)
        at = max(spent, at - timedelta(seconds=max(BURST_S, 1 / operation.rate_per_s)))
    operation.sent_at = at
    operation.save(update_fields=["sent_at"])


def _observe(operation: Operation) -> None:
    """Note what became of items that were sent. Four statements along an index."""
    sent = operation.items.filter(state=Item.SENT)
    if not sent.exists():
        return
    if operation.kind == REPUBLISHED:
        observe_said(operation, sent, now())
        return
    letter = DeadLetter.objects.filter(pk=OuterRef("letter"))
    with_letter = sent.exclude(letter=None)
    with_letter.filter(Exists(letter.filter(state=DeadLetter.State.RESOLVED))).update(
        state=Item.HANDLED, ended_at=Subquery(letter.values("resolved_at")[:1])
    )
    # It was set to be replayed when it was sent: open again it has failed, whatever clocks say.
    failed = letter.filter(state__in=REPLAYABLE)
    with_letter.filter(Exists(failed)).update(
        state=Item.FAILED,
        told=Subquery(letter.values("error_class")[:1]),
        ended_at=Subquery(letter.values("last_failed_at")[:1]),
    )
    with_letter.filter(Exists(letter.filter(state=DeadLetter.State.DISCARDED))).update(
        state=Item.SKIPPED, told="it was discarded meanwhile", ended_at=now()
    )
    if operation.kind == HISTORY:
        _observe_events(operation, sent)
    else:
        sent.filter(letter=None).update(
            state=Item.SKIPPED, told="its dead letter was removed meanwhile", ended_at=now()
        )


def _observe_events(operation: Operation, sent: QuerySet[OperationItem]) -> None:
    """The same of events that are no dead letters: the inbox tells, or a letter of the group.

    None of them was in the inbox when it was sent: any mark tells, whatever its clock says.
    """
    if not sent.exists():
        return
    mark = HandledEvent.objects.filter(
        group__name=operation.group_name,
        event_id=OuterRef("event_id"),
    )
    sent.filter(Exists(mark)).update(
        state=Item.HANDLED, ended_at=Subquery(mark.values("handled_at")[:1])
    )
    letter = DeadLetter.objects.filter(
        group_name=operation.group_name,
        event_id=OuterRef("event_id"),
        state__in=REPLAYABLE,
    )
    sent.filter(Exists(letter)).update(
        state=Item.FAILED,
        told=Subquery(letter.values("error_class")[:1]),
        ended_at=Subquery(letter.values("last_failed_at")[:1]),
    )
