"""The rows that wait for the bus: which go next, and which are passed over for now."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.envelope import stream_name
from events.models import StoredEvent
from events.pressure import Pressure, gauge
from events.transport.base import Append

logger = logging.getLogger(__name__)

SLOW_ROWS = 20
"""Most rows of a pass that go to where there is little room: about a hundred a second. A trickle,
so that what is full is seen to move, and fills slower than the janitor empties it."""

ASIDE_S = 60.0
"""How long what the server refuses for itself is passed over before it is tried again."""

REFUSALS_IN_A_ROW = 3
"""So many rows of a stream refused one after the other, and it is the stream that is wrong."""


PASSED_PAGES = 20
"""Most pages with rows to be passed over that one pass looks at; the next goes on from there."""


class Outbox:
    """One job's way through the rows that wait.

    A pass begins with the oldest. Rows the bus has no room for, or refuses, are passed over: it
    goes on behind them where the pass before had come to, and from the beginning again at the end.
    That a row lies behind it never means that it is done.
    """

    def __init__(self) -> None:
        self._after = 0
        self._at_head = True
        self._pages = PASSED_PAGES
        self._slow_rows = SLOW_ROWS
        self._aside: dict[str | UUID, float] = {}
        self._refusals: dict[str, int] = {}
        self._said = ""

    def begin(self) -> None:
        """A new pass: from the oldest, and what is slowed may trickle again."""
        self._at_head = True
        self._pages = PASSED_PAGES
        self._slow_rows = SLOW_ROWS

    def next(self, limit: int, before: datetime) -> tuple[list[Append], bool]:
        """Rows to relay now, and whether to ask again in this pass.

        Looks at `limit` rows stored before that time: one statement on the index of what waits, and
        at times a look at the server. Raises BusUnavailable when it cannot be asked.
        """
        rows = _waiting(0 if self._at_head else self._after, limit, before)
        if not rows:
            self._after = 0
            return [], False
        pressure = gauge.pressure({item.stream for _, item in rows})
        self._say(pressure.reason)
        ready = [item for _, item in rows if self._may_go(item, pressure)]
        if pressure.memory:
            return ready, False
        if self._at_head and len(ready) == len(rows):
            return ready, True
        last = rows[-1][0]
        self._after = max(self._after, last) if self._at_head else last
        self._at_head = False
        self._pages -= 1
        return ready, self._pages > 0

    def refused(self, item: Append, error: Exception) -> None:
        """Pass over a row, or its whole stream, that the server refuses for itself."""
        until = time.monotonic() + ASIDE_S
        self._refusals[item.stream] = self._refusals.get(item.stream, 0) + 1
        if self._refusals[item.stream] < REFUSALS_IN_A_ROW:
            self._aside[item.event_id] = until
            logger.error("event %s waits in SQL, others go on: %s", item.event_id, error)
        else:
            self._aside[item.stream] = until
            logger.error("events of %s wait in SQL, others go on: %s", item.stream, error)

    def taken(self, items: Sequence[Append]) -> None:
        """The server took these: their streams are not to blame."""
        for item in items:
            self._refusals.pop(item.stream, None)

    def is_aside(self, item: Append) -> bool:
        """Whether the row or its stream is passed over at present."""
        if not self._aside:
            return False
        now_s = time.monotonic()
        self._aside = {what: until for what, until in self._aside.items() if until > now_s}
        return item.event_id in self._aside or item.stream in self._aside

    def _may_go(self, item: Append, pressure: Pressure) -> bool:
        if self.is_aside(item):
            return False
        if not pressure.on(item.stream):
            return True
        self._slow_rows -= 1
        return self._at_head and self._slow_rows >= 0

    def _say(self, reason: str) -> None:
        """Log when the relay begins to go slowly, and when it no longer does."""
        if bool(reason) != bool(self._said):
            if reason:
                logger.warning("the relay slows: %s", reason)
            else:
                logger.info("the relay goes on at its usual pace")
        self._said = reason


def _waiting(after: int, limit: int, before: datetime) -> list[tuple[int, Append]]:
    """The oldest rows beyond `after` that still have to reach the bus, with their numbers."""
    rows = StoredEvent.objects.filter(relayed_at=None, stored_at__lt=before, seq__gt=after)
    fields = ("seq", "event_type", "event_version", "event_id", "body")
    return [
        (seq, Append(stream_name(event_type, version), event_id, body.encode()))
        for seq, event_type, version, event_id, body in rows.order_by("seq").values_list(*fields)[
            :limit
        ]
    ]
