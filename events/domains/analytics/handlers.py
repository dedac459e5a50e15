"""What analytics does with every event there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from events import Context, Event, every, handles, note_seen, remember
from events.domains.analytics.models import MinuteMetric
from events.domains.rows import forget, locked, save

AMOUNT_FIELDS = ("value", "amount", "reward")
"""Payload fields that say what an event amounts to; the first that is there counts."""

AMOUNT_FIELD_OF = {"NFT.MarketplaceSale": "price"}
"""Types where it is another field; elsewhere a price is that of one unit, not an amount."""

LINGER_MS = 200
"""Nobody waits for these two groups, and they read everything: under load they do so in batches."""

KEEP_METRICS = timedelta(days=30)
"""How long minutes are kept: as long as the events they count."""


@handles("*", group="metrics_collectors", batch=True, linger_ms=LINGER_MS)
def count_events(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Count events and add up their amounts, by type and by the minute they occurred in."""
    counted = [_measured(event, context) for event, context in zip(events, contexts, strict=True)]
    rows = locked(MinuteMetric, [key for key, _ in counted])
    for key, amount in counted:
        rows[key].count += 1
        rows[key].amount += amount
    save(MinuteMetric, rows.values())


def _measured(event: Event, context: Context) -> tuple[tuple[datetime, str, str], Decimal]:
    minute = event.occurred_at.astimezone(UTC).replace(second=0, microsecond=0)
    named = AMOUNT_FIELD_OF.get(event.event_type)
    for name in (named,) if named else AMOUNT_FIELDS:
        amount = getattr(context.payload, name, None)
        if isinstance(amount, Decimal):
            return (minute, event.event_type, getattr(context.payload, "currency", "")), amount
    return (minute, event.event_type, ""), Decimal(0)


@every(3600)
def forget_old_metrics() -> None:
    """Drop minutes older than the events they counted."""
    forget(MinuteMetric.objects.filter(minute__lt=datetime.now(UTC) - KEEP_METRICS))


@handles("*", group="audit_trail_recorders", batch=True, linger_ms=LINGER_MS)
def record_events(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Store the events that came straight to the bus, the others were stored when published; and
    note who says what."""
    remember(events)
    note_seen(events)
