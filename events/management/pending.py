"""``manage.py groups pending NAME``: what the consumers of a group hold."""

from __future__ import annotations

from dataclasses import asdict

from django.core.management.base import CommandError, OutputWrapper

from events.errors import BusUnavailable
from events.management.output import as_json, printable, table, when
from events.queries import pending as query
from events.queries.groups import names
from events.queries.pending import Entry, Pending
from events.queries.words import duration, plural

UNREACHABLE = 2

HEADINGS = ("Entry", "Stream", "Event", "Event id", "Held by", "State", "For", "Deliveries")

FATES = {
    "there": "",
    "stored": "LOST, in the store",
    "settled": "gone, done with",
    "lost": "LOST",
}


def print_pending(out: OutputWrapper, name: str | None, json_wanted: bool) -> None:
    """Print the entries a group's consumers hold, then the consumers. Raises CommandError: 1 for no
    such group, 2 where the bus cannot be reached."""
    try:
        found = query.load(name) if name else None
    except BusUnavailable as error:
        raise CommandError(f"The bus cannot be reached: {error}", returncode=UNREACHABLE) from error
    if found is None:
        known = ", ".join(names())
        raise CommandError(
            f"No group is called {printable(name or '')!r}; there are {known}.", returncode=1
        )
    if json_wanted:
        out.write(as_json(asdict(found)))
        return
    entries = [*found.lost, *found.entries]
    if entries:
        out.write(table(HEADINGS, [_row(entry) for entry in entries], right={6, 7}, shrink={1, 4}))
    out.write(_sentence(found))
    if found.consumers:
        rows = [[one.name, one.state, one.pending] for one in found.consumers]
        out.write("")
        out.write(table(["Consumer", "State", "Holds"], rows, right={2}))


def _row(entry: Entry) -> list[object]:
    return [
        entry.entry_id,
        entry.stream + (" (retry)" if entry.retry else ""),
        entry.event_type or "not an event",
        entry.event_id or "",
        entry.consumer,
        FATES[entry.fate] or entry.holder,
        "" if entry.holder == query.HANDED_BACK else duration(entry.idle_s),
        entry.starts,
    ]


def _sentence(found: Pending) -> str:
    if not found.total:
        return f"No entry of {found.group} is held, as of {when(found.at)}."
    held = plural(found.total, "entry", "entries")
    if found.shown < found.total:
        return f"{held} held; the {found.shown} oldest are listed."
    return f"{held} held, all listed."
