"""For how long a failure can be silenced from its page."""

from __future__ import annotations

from datetime import timedelta

SILENCES = (
    ("1h", "1 hour", timedelta(hours=1)),
    ("4h", "4 hours", timedelta(hours=4)),
    ("1d", "1 day", timedelta(days=1)),
    ("7d", "7 days", timedelta(days=7)),
    ("30d", "30 days", timedelta(days=30)),
)
"""Name in the form, how it is called, how long."""
