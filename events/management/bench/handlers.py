"""The handlers of a bench, one group for each thing that is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from events import Context, Event, handles
from events.domains.rows import locked, save
from events.management.bench.events import FOLLOWING, NAME
from events.management.bench.models import Entry, Volume

seen = Counter[str]()
"""Events handled in this process, by group."""


@handles(NAME, group="bench_noop", idempotent=True)
def nothing(event: Event, context: Context) -> None:
    """Only be called."""
    seen["bench_noop"] += 1


@handles(NAME, group="bench_batch", batch=True, says=[FOLLOWING])
def count(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """One upsert for the batch, one said event for each of it."""
    rows = locked(Volume, [context.payload.user_id for context in contexts])
    for context in contexts:
        rows[context.payload.user_id].trades += 1
        context.caused(FOLLOWING, {"user_id": context.payload.user_id, "trades": 1})
    save(Volume, rows.values())
    seen["bench_batch"] += len(events)


@handles(NAME, group="bench_single", says=[FOLLOWING])
def enter(event: Event, context: Context) -> None:
    """One row by the ORM, one said event."""
    Entry._default_manager.create(event_id=event.event_id, user_id=context.payload.user_id)
    context.caused(FOLLOWING, {"user_id": context.payload.user_id, "trades": 1})
    seen["bench_single"] += 1
