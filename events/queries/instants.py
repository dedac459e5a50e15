"""Times as a person types them: some time ago, or ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

AGO = re.compile(r"(\d{1,6})(s|m|h|d|w)")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def instant(text: str, at: datetime) -> datetime | None:
    """What is meant: ``30m``, ``2h``, ``7d`` (s, m, h, d or w) before `at`, or ISO 8601, UTC unless
    it says otherwise. In UTC; None for what is no time, or is beyond the calendar."""
    try:
        if match := AGO.fullmatch(text):
            return at - timedelta(**{UNITS[match[2]]: int(match[1])})
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
