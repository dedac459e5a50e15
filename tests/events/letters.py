"""Dead letters as the bus would have written them, in numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from events.envelope import new_event_id, now
from events.models import DeadLetter
from tests.events.conftest import TRADE, trade

STREAM = "astra.trading.tradeexecuted.v1"
BODY = trade().to_json()


def letters(count: int = 1, *, ago: timedelta = timedelta(), **changes: Any) -> list[int]:
    """Numbers of new dead letters of one failure that failed so long ago."""
    at: datetime = changes.pop("at", now() - ago)
    facts = {
        "group_name": "testers", "stream": STREAM, "body": BODY, "event_type": TRADE,
        "entity_id": "123", "kind": "permanent", "error_class": "Reject", "message": "no",
        "fingerprint": "f" * 16, "code_version": "1", "first_failed_at": at, "last_failed_at": at,
        "opened_at": at,
    }  # fmt: skip
    rows = [DeadLetter(**{"event_id": new_event_id(), **facts, **changes}) for _ in range(count)]
    return [row.pk for row in DeadLetter.objects.bulk_create(rows, batch_size=500)]
