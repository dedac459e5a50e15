"""Rehearsing many stored events, one after another: what a group would do, committing nothing."""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import suppress
from typing import Any

from events import transport
from events.envelope import now
from events.errors import BusRefused, BusUnavailable, ConfigurationError, Refused
from events.groups import every
from events.groups import group as declared
from events.models import Operation, OperationItem, StoredEvent
from events.operations.sets import REHEARSED
from events.operations.settling import settle
from events.operations.stage import Busy, Rehearsal, rehearsed
from events.store import writing

logger = logging.getLogger(__name__)

LEASE, LEASE_S = "shadows", 30.0

TICK_S = 1.0
"""How long one look goes on: a rehearsal more, which takes seconds at most, stays in the lease."""

KEPT = 20
"""Events and tables of one rehearsal that its row remembers."""

Item = OperationItem.State


@every(1.0, name="shadows")
def advance_shadows() -> None:
    """Rehearse what comes next of the shadow operations that run, for TICK_S. Raises
    BusUnavailable.

    One process at a time. Each event has a transaction of its own, which is rolled back; what it
    would have come to is kept with its item. A rehearsal that a death interrupts is done again.
    """
    running = Operation.objects.filter(kind=REHEARSED, state=Operation.State.RUNNING)
    if not running.exists():
        return
    leases, token = transport.current().leases, secrets.token_hex(8)
    if not leases.acquire(LEASE, token, LEASE_S):
        return
    try:
        until = time.monotonic() + TICK_S
        for operation in running.order_by("pk"):
            while time.monotonic() < until and _next(operation):
                pass
            with writing():
                settle(Operation.objects.select_for_update().get(pk=operation.pk))
    finally:
        with suppress(BusUnavailable, BusRefused):  # it ends by itself
            leases.drop(LEASE, token)


def _next(operation: Operation) -> bool:
    """Rehearse one event; False when there is none, and the operation has ended."""
    item = operation.items.filter(state=Item.WAITING).order_by("pk").first()
    if item is None:
        _end(operation)
        return False
    if not Operation.objects.filter(pk=operation.pk, state=Operation.State.RUNNING).exists():
        return False
    row = StoredEvent.objects.filter(event_id=item.event_id).first() if item.event_id else None
    if row is None:
        return _note(item, Item.SKIPPED, "it is not stored any more")
    try:
        group = declared(operation.group_name)
        found = rehearsed(group, item.stream, row.event_id, row.body.encode())
    except Busy as busy:
        logger.info("operation %d goes on later: %s", operation.pk, busy)
        return False
    except (Refused, ConfigurationError) as refused:
        return _note(item, Item.SKIPPED, str(refused))
    if found.outcome == "handled":
        return _note(item, Item.HANDLED, "", found)
    told = found.error_class or "it took too long"
    return _note(item, Item.FAILED, told, found)


def _note(item: OperationItem, state: str, told: str, found: Rehearsal | None = None) -> bool:
    with writing():
        item.operation.items.filter(pk=item.pk, state=Item.WAITING).update(
            state=state, told=told, result=_kept(found) if found else None, ended_at=now()
        )
    return True


def _kept(found: Rehearsal) -> dict[str, Any]:
    """What a row remembers of a rehearsal: no traceback, no payloads."""
    return {
        "outcome": found.outcome,
        "message": found.message,
        "took_s": found.took_s,
        "said": [one.event_type for one in found.said[:KEPT]],
        "rows": [
            [rows.table, rows.inserted, rows.updated, rows.deleted, rows.upserted]
            for rows in found.rows[:KEPT]
        ],
        "already_handled": found.already_handled,
    }


def _end(operation: Operation) -> None:
    with writing():
        Operation.objects.filter(pk=operation.pk, state=Operation.State.RUNNING).update(
            state=Operation.State.DONE, ended_at=now()
        )
