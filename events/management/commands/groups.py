"""``manage.py groups``: how the consumer groups stand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.management.output import as_json, table, unknown
from events.management.pending import print_pending
from events.queries import groups as query
from events.queries import words
from events.queries.snapshot import GroupState, Snapshot, take

UNREACHABLE = 2

HEADINGS = (
    *("Group", "Domain", "Oldest waiting", "Lag", "Pending", "Retries"),
    *("Dead letters", "Workers"),
)


class Command(BaseCommand):
    help = (
        "Show the consumer groups, those that need somebody first, or one of them with its streams;"
        " `pending NAME` shows what its consumers hold. Exit status: 0 shown, 1 no such group, 2"
        " the bus cannot be reached and figures are unknown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="show this group alone; or `pending`")
        parser.add_argument("of", nargs="?", help="with `pending`: whose consumers' entries")
        parser.add_argument("--json", action="store_true", dest="json_wanted", help="print JSON")

    def handle(self, *, name: str | None, json_wanted: bool, **options: Any) -> None:
        if name == "pending":
            print_pending(self.stdout, options["of"], json_wanted)
            return
        snapshot = take()
        if name is None:
            self._all(snapshot, json_wanted)
        else:
            self._one(name, snapshot, json_wanted)
        if not snapshot.bus.reachable:
            self.stderr.write(f"The bus cannot be reached: {snapshot.bus.reason}")
            sys.exit(UNREACHABLE)

    def _all(self, snapshot: Snapshot, json_wanted: bool) -> None:
        states = snapshot.worst_first()
        if json_wanted:
            self.stdout.write(as_json([asdict(state) for state in states]))
            return
        rows = [_row(state) for state in states]
        self.stdout.write(table(HEADINGS, rows, right=range(2, 8)))

    def _one(self, name: str, snapshot: Snapshot, json_wanted: bool) -> None:
        view = query.load(name, snapshot)
        if view is None:
            known = ", ".join(query.names())
            raise CommandError(f"No group is called {name!r}; there are {known}.", returncode=1)
        if json_wanted:
            self.stdout.write(as_json(asdict(view)))
            return
        self.stdout.write(f"{view.name} ({view.domain}), {words.plural(len(view.reads), 'type')}\n")
        for handler in view.handlers:
            self.stdout.write(f"  {handler.name}: {handler.summary}")
        rows = [
            [place.stream, *map(unknown, (place.length, place.lag, place.pending))]
            for place in view.places
        ]
        self.stdout.write("")
        self.stdout.write(table(["Stream", "Entries", "Lag", "Pending"], rows, right={1, 2, 3}))


def _row(state: GroupState) -> list[object]:
    age = state.oldest_waiting_s
    return [
        state.name,
        state.domain,
        "-" if age is None else words.duration(age) if age else "none",
        unknown(state.lag),
        unknown(state.pending),
        unknown(state.retries_waiting),
        state.dead_letters,
        state.workers,
    ]
