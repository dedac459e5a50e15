"""Putting what an operator asked for on the retry streams of the groups it is for."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

from events import crash, transport
from events.conf import bus_settings
from events.envelope import now
from events.errors import BusRefused, BusUnavailable
from events.groups import every
from events.models import DeadLetter, OperationItem, StoredEvent
from events.operations.sets import HISTORY
from events.store import writing
from events.transport.base import Redelivery

logger = logging.getLogger(__name__)

LEASE, LEASE_S = "redelivering", 30.0
"""The lease of who puts replays on the bus, and how long it outlives a process that died at it."""

BATCH = 100
"""Events of one call."""

LONGEST_S = 5.0
"""After this time the rest is left to the next look: well before the lease ends."""


@every(0.5, name="redeliver")
def redeliver_waiting() -> None:
    """Put replays on the retry streams of their groups. Raises BusUnavailable.

    One at a time, or an event would be put there twice: whoever asks for a replay does it at once,
    and the job looks every half second, but not while the console is read-only. Who finds another
    at it leaves the rest to the next look. One call of the bus and one statement for a hundred.
    """
    if bus_settings().read_only:
        return
    leases, token = transport.current().leases, secrets.token_hex(8)
    if not leases.acquire(LEASE, token, LEASE_S):
        return
    try:
        until = time.monotonic() + LONGEST_S
        while (_letters() or _events()) and time.monotonic() < until:
            pass
    finally:
        with suppress(BusUnavailable, BusRefused):  # it ends by itself
            leases.drop(LEASE, token)


def redeliver_now() -> None:
    """`redeliver_waiting` where a bus that is away is no trouble: the job does it then."""
    try:
        redeliver_waiting()
    except (BusUnavailable, BusRefused) as error:
        logger.warning("replays wait in SQL: %s", error)


def _letters() -> bool:
    """Redeliver the next dead letters; whether there were any."""
    waiting = DeadLetter.objects.filter(state=DeadLetter.State.REPLAYING, redelivered_at=None)
    ordered = waiting.order_by("group_name", "pk").select_related("edit")
    found = list(ordered.defer("traceback", "attempts", "message")[:BATCH])
    for group_name, letters in groupby(found, lambda letter: letter.group_name):
        batch = list(letters)
        _put(group_name, [_redelivery(one) for one in batch])
        with writing():
            DeadLetter.objects.filter(
                pk__in=[letter.pk for letter in batch], redelivered_at=None
            ).update(redelivered_at=now())
    return bool(found)


def _put(group: str, batch: Sequence[Redelivery]) -> None:
    transport.current().streams.redeliver(group, batch)
    crash.here("in-bulk-replay")


def _redelivery(letter: DeadLetter) -> Redelivery:
    body = letter.edit.body if letter.edit else letter.body
    return Redelivery(letter.stream, str(letter.event_id or ""), bytes(body))


def _events() -> bool:
    """Redeliver the next stored events that are no dead letters; whether there were any."""
    waiting = OperationItem.objects.filter(
        state=OperationItem.State.SENT, letter=None, relayed_at=None, operation__kind=HISTORY
    )
    found = list(waiting.select_related("operation").order_by("pk")[:BATCH])
    bodies = _bodies(found)
    by_group = sorted(found, key=lambda item: (item.operation.group_name, item.pk))
    for group_name, items in groupby(by_group, lambda item: item.operation.group_name):
        batch = list(items)
        _put(
            group_name,
            [
                Redelivery(item.stream, str(item.event_id), bodies[item.event_id])
                for item in batch
                if item.event_id in bodies
            ],
        )
        with writing():
            _note_relayed(batch, bodies)
    return bool(found)


def _bodies(items: Sequence[OperationItem]) -> dict[object, bytes]:
    rows = StoredEvent.objects.filter(event_id__in=[item.event_id for item in items])
    return {event_id: body.encode() for event_id, body in rows.values_list("event_id", "body")}


def _note_relayed(items: Sequence[OperationItem], bodies: dict[object, bytes]) -> None:
    at = now()
    there = [item.pk for item in items if item.event_id in bodies]
    OperationItem.objects.filter(pk__in=there).update(relayed_at=at)
    gone = [item.pk for item in items if item.event_id not in bodies]
    OperationItem.objects.filter(pk__in=gone).update(
        state=OperationItem.State.SKIPPED, told="it is not stored any more", ended_at=at
    )
