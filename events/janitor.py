"""Keeping streams and tables small, without touching what somebody still needs."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db.models import Model, QuerySet

from events import crash, transport
from events.conf import bus_settings
from events.envelope import now
from events.groups import every
from events.models import DeadLetter, HandledEvent, StoredEvent
from events.registry import registry
from events.store import writing

STREAM_RETENTION_S = 24 * 3_600
"""Entries everybody has finished stay this long on the bus; the store keeps them longer."""

BATCH = 1_000
"""Rows removed per transaction: a long one would hold SQLite's only write lock."""

CLOSED_LETTERS_DAYS = 90


@every(30, name="trim")
def trim_streams() -> None:
    """Drop old entries that every group has finished. One call per stream."""
    before_ms = int((time.time() - STREAM_RETENTION_S) * 1_000)
    for entry in registry.all():
        transport.current().streams.trim(entry.stream, before_ms)
        crash.here("in-trim")


@every(600, name="retention")
def remove_old_rows() -> None:
    """Remove what has outlived its retention, in bounded batches."""
    days = bus_settings().retention_days
    if days == 0:
        return
    before = now() - timedelta(days=days)
    closed = now() - timedelta(days=days + CLOSED_LETTERS_DAYS)
    _remove(StoredEvent.objects.filter(stored_at__lt=before).exclude(relayed_at=None))
    _remove(HandledEvent.objects.filter(handled_at__lt=before))
    _remove(DeadLetter.objects.filter(state=DeadLetter.State.RESOLVED, resolved_at__lt=closed))


def _remove(rows: QuerySet[Any]) -> int:
    removed = 0
    model: type[Model] = rows.model
    while True:
        ids = list(rows.values_list("pk", flat=True)[:BATCH])
        if not ids:
            return removed
        with writing():
            removed += model._default_manager.filter(pk__in=ids).delete()[0]
