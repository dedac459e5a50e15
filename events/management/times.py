"""Times as options of a command."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import CommandError

from events.envelope import now
from events.management.output import printable
from events.queries.instants import instant


def time_given(option: str, text: str) -> datetime:
    """The instant an option says. Raises CommandError for what is no time."""
    if found := instant(text, now()):
        return found
    raise CommandError(
        f"{option} {printable(text)} is no time: write 2026-01-15T12:00 (UTC), or 2h for two hours"
        " ago (s, m, h, d or w)",
        returncode=1,
    )
