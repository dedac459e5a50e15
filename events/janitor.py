"""Keeping streams and tables small, without touching what somebody still needs."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from events import crash, transport
from events.conf import bus_settings
from events.dead_letters import kept_closed, resolve_handled
from events.envelope import now
from events.failures import MOST_DELAY_S
from events.groups import every, groups
from events.models import DeadLetter, HandledEvent, Operation, OperationItem, SeenType, StoredEvent
from events.operations.proposals import DRAFT_KEPT
from events.operations.settling import settle
from events.registry import registry
from events.seen import FORGOTTEN_AFTER
from events.store import writing
from events.transport.base import RELEASED, ServerInfo

logger = logging.getLogger(__name__)

STREAM_RETENTION_S = 24 * 3_600
"""Entries everybody has finished stay this long on the bus; the store keeps them longer."""

BATCH = 1_000
"""Rows removed per transaction: a long one would hold SQLite's only write lock."""

LEAST_MARKED = timedelta(seconds=STREAM_RETENTION_S + MOST_DELAY_S)
"""However short the retention, an inbox mark stays as long as the bus may hold its event: what all
have finished stays for a day, and a retry may be put off for another."""

MEMORY_SHARE = 0.7
"""Above this share of its memory limit the server keeps nothing for later that all have finished;
only above a higher one is publishing held back."""

FORGOTTEN_S = 600
"""A consumer of a process that is not heard of is removed, at the earliest, this often."""


@every(10, name="trim")
def trim_streams() -> None:
    """Drop entries that every group has finished: old ones, and any when memory runs short.

    One call per stream, and one for the server's memory. What somebody has not finished stays,
    however full the server is.
    """
    bus = transport.current()
    short = memory_is_short(bus.inspector.server())
    kept_s = 0 if short else STREAM_RETENTION_S
    before_ms = int((time.time() - kept_s) * 1_000)
    dropped = 0
    for entry in registry.all():
        dropped += bus.streams.trim(entry.stream, before_ms, exact=short)
        crash.here("in-trim")
    if short and dropped:
        logger.warning("the bus server's memory runs short: %d finished entries dropped", dropped)


def memory_is_short(server: ServerInfo) -> bool:
    """Whether the server uses more than MEMORY_SHARE of a limit it has."""
    limit = server.max_memory_bytes
    return limit > 0 and server.used_memory_bytes > MEMORY_SHARE * limit


@every(FORGOTTEN_S, name="forget consumers")
def forget_consumers() -> int:
    """Remove consumers of processes that are gone and hold nothing; how many.

    What one still holds is taken over by others first; the server itself refuses to forget that.
    One round trip to look, one for each that is removed.
    """
    bus = transport.current()
    alive = {worker.name for worker in bus.presence.alive()} | {RELEASED}
    pairs = [(stream, group.name) for group in groups() for stream in group.streams]
    gone = [
        one for one in bus.inspector.consumers(pairs) if one.name not in alive and not one.pending
    ]
    return sum(bus.streams.remove_consumer(one.stream, one.group, one.name) for one in gone)


@every(60, name="contradictions")
def close_letters_of_the_handled() -> None:
    """An event ends once: handled, whatever a letter says. One query."""
    resolve_handled()


@every(600, name="retention")
def remove_old_rows() -> None:
    """Remove what has outlived its retention, in bounded batches.

    An event's marks go with it: whatever may still be delivered is then known to be done. Marks of
    events that were never stored go when the longest kept event would; letters by the settings
    alone, and like them what became of each event of an operation: its row stays, with how many
    ended how. Drafts of operations go after DRAFT_KEPT.
    """
    by_days: dict[int, Q] = {}
    usual = bus_settings().retention_days
    for entry in registry.all():  # each version by its own word
        these = Q(event_type=entry.name, event_version=entry.version)
        by_days[entry.kept_days] = by_days.get(entry.kept_days, Q()) | these
    special = {days: which for days, which in by_days.items() if days != usual}
    # Types nobody registers any more are kept as long as most are.
    _remove_events(usual, ~reduce(or_, special.values()) if special else Q())
    for days, which in special.items():
        _remove_events(days, which)
    longest = 0 if usual == 0 or 0 in by_days else max(usual, *by_days)
    if longest:
        before = now() - max(timedelta(days=longest), LEAST_MARKED)
        _remove(HandledEvent.objects.filter(handled_at__lt=before))
    if kept := kept_closed():
        closed = DeadLetter.objects.filter(resolved_at__lt=now() - kept)
        _remove(closed.filter(state=DeadLetter.State.RESOLVED))
        # Without its letter an event that is still stored would seem to be unfinished.
        stored = StoredEvent.objects.filter(event_id=OuterRef("event_id"))
        _remove(closed.filter(~Exists(stored), state=DeadLetter.State.DISCARDED))
        _remove_items(kept)
    _remove(SeenType.objects.filter(last_at__lt=now() - FORGOTTEN_AFTER))
    _remove(
        Operation.objects.filter(state=Operation.State.DRAFT, created_at__lt=now() - DRAFT_KEPT)
    )


def _remove_events(days: int, which: Q) -> None:
    """Remove events of these types that were stored longer ago, with the inbox marks of them that
    no delivery can need any more."""
    if not days:
        return
    old = StoredEvent.objects.filter(which, stored_at__lt=now() - timedelta(days=days))
    old = old.exclude(relayed_at=None).order_by("stored_at")
    unneeded = now() - LEAST_MARKED
    while found := list(old.values_list("pk", "event_id")[:BATCH]):
        with writing():
            marks = HandledEvent.objects.filter(event_id__in=[event_id for _, event_id in found])
            marks.filter(handled_at__lt=unneeded).delete()
            StoredEvent.objects.filter(pk__in=[pk for pk, _ in found]).delete()


def _remove_items(kept: timedelta) -> None:
    """Remove the items of operations that ended longer ago; those are counted in its row before."""
    over = (Operation.State.DONE, Operation.State.CANCELLED)
    ended = Operation.objects.filter(state__in=over, ended_at__lt=now() - kept)
    for pk in ended.filter(settled_to=0, total__gt=0).values_list("pk", flat=True):
        with writing():
            settle(Operation.objects.select_for_update().get(pk=pk))
    _remove(OperationItem.objects.filter(operation__in=ended, pk__lte=F("operation__settled_to")))


def _remove(rows: QuerySet[Any]) -> None:
    model: type[Model] = rows.model
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        with writing():
            model._default_manager.filter(pk__in=ids).delete()
