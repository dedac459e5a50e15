"""Which types really flow, and who says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection

from events.envelope import Event, now
from events.models import SeenType
from events.validation import as_said

FORGOTTEN_AFTER = timedelta(days=90)
"""A producer that said nothing for so long is not shown any more."""

NOTE = (
    "INSERT INTO events_seentype (event_type, event_version, producer, count, first_at, last_at) "
    "VALUES (%s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (event_type, event_version, producer) DO UPDATE SET "
    "count = events_seentype.count + EXCLUDED.count, last_at = EXCLUDED.last_at"
)
"""Adds to what another worker has noted meanwhile, where the ORM's upsert could only replace it."""


def note_seen(events: Sequence[Event]) -> None:
    """Note that these events were seen, by type, version and producer, as they were said.

    Call it inside a transaction. One statement, of a row for each combination; rows are locked in
    one order. An event noted twice counts twice.
    """
    counted = Counter(map(_key, map(as_said, events)))
    at = SeenType._meta.get_field("last_at").get_db_prep_value(now(), connection)
    rows = [(*key, count, at, at) for key, count in sorted(counted.items())]
    with connection.cursor() as cursor:
        cursor.executemany(NOTE, rows)


def _key(event: Event) -> tuple[str, int, str]:
    return event.event_type, event.event_version, event.producer
