"""``manage.py groups``: how the consumer groups stand, and pausing them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import BusUnavailable, Refused
from events.management.actors import at_the_shell
from events.management.output import as_json, printable, table, unknown, when
from events.management.pending import print_pending
from events.operations import pause_group, resume_group
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
        " `pending NAME` shows what its consumers hold; pause or resume one. Exit status: 0 done, 1"
        " no such group or refused, 2 the bus cannot be"
        " reached and figures are unknown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            nargs="?",
            default="list",
            metavar="list|show|pending|pause|resume",
            help="what to do; the name of a group alone shows it",
        )
        parser.add_argument("name", nargs="?", help="the group")
        parser.add_argument("--reason", default="", help="why; it is kept in the audit")
        parser.add_argument("--json", action="store_true", dest="json_wanted", help="print JSON")

    def handle(self, *, action: str, name: str | None, json_wanted: bool, **options: Any) -> None:
        if action == "pending":
            print_pending(self.stdout, name, json_wanted)
            return
        if action not in ACTIONS:
            if name is not None:
                raise CommandError(f"{action!r} is none of {', '.join(ACTIONS)}.", returncode=1)
            action, name = "show", action
        if name is None and action != "list":
            raise CommandError(f"Name the group to {action}.", returncode=1)
        if name is None or action in ("list", "show"):
            self._look(name, json_wanted)
            return
        try:
            done = ACTIONS[action](name, options)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        except BusUnavailable as error:
            raise CommandError(str(error), returncode=UNREACHABLE) from error
        self.stdout.write(as_json(done) if json_wanted else printable(done["told"]))

    def _look(self, name: str | None, json_wanted: bool) -> None:
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
        if view.state and (pause := view.state.paused):
            self.stdout.write(
                f"  paused by {pause.actor} {when(pause.since)}: {printable(pause.reason)}; "
                f"{view.state.finishing} of {view.state.workers} workers still finish"
            )
        for handler in view.handlers:
            self.stdout.write(f"  {handler.name}: {handler.summary}")
        rows = [
            [place.stream, *map(unknown, (place.length, place.lag, place.pending))]
            for place in view.places
        ]
        self.stdout.write("")
        self.stdout.write(table(["Stream", "Entries", "Lag", "Pending"], rows, right={1, 2, 3}))


def _pause(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    pause_group(at_the_shell(), name, options["reason"])
    return {
        "group": name,
        "paused": True,
        "told": f"{name} is paused. Its workers know in a second.",
    }


def _resume(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    resume_group(at_the_shell(), name, options["reason"])
    return {"group": name, "paused": False, "told": f"{name} goes on where it stands."}


ACTIONS: Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    "list": lambda name, options: {},
    "show": lambda name, options: {},
    "pause": _pause,
    "resume": _resume,
}


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
