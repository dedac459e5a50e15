"""``manage.py operations``: what was asked for in bulk, how far it is, and moving it on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.awaiting import awaited, whom
from events.management.output import as_json, printable, table, when
from events.models import Operation
from events.operations import Actor, Manner, begin, cancel, pause, resume, withdraw
from events.queries import operations as query
from events.queries.operations import OperationView

UNDER_WAY, NOT_ALL_HANDLED = 2, 3

HEADINGS = ("No.", "What", "Group", "State", "Events", "Handled", "Failed", "Skipped", "To come")

MOVES: Mapping[str, Callable[[Actor, int, str], Operation]] = {
    "pause": pause,
    "resume": resume,
    "cancel": cancel,
}


class Command(BaseCommand):
    help = (
        "List operations, show one, begin a draft or throw it away, pause, resume or cancel what is"
        " under way. Exit status: 0 done, 1 unknown or refused; with --wait also 2 still under way,"
        " 3 some failed again or were skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="newest first")
        listing.add_argument("--group", default="", help="to this group alone")
        listing.add_argument("--state", choices=Operation.State.values, default="")
        listing.add_argument("--limit", type=int, default=50, help="most that are listed (50)")
        showing = actions.add_parser("show", help="one, with what became of its events")
        starting = actions.add_parser("begin", help="confirm a draft: exactly its set is sent")
        _add_manner(starting)
        starting.add_argument(
            "--typed", default="", metavar="WORD",
            help="what its page asks for: the group's name to handle again, the number of events"
            " to say again",
        )  # fmt: skip
        leaving = actions.add_parser("withdraw", help="throw a draft away")
        moving = [actions.add_parser(verb, help=f"{verb} one under way") for verb in MOVES]
        for one in (showing, starting, leaving, *moving):
            one.add_argument("id", type=int)
        for one in moving:
            one.add_argument("--reason", default="", help="why; it is kept in the audit")
        for one in (showing, starting):
            one.add_argument(
                "--wait", type=float, default=0.0, metavar="S", help="seconds to wait for its end"
            )
        for one in (listing, showing, starting, leaving, *moving):
            one.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(self, *, action: str, json_wanted: bool, **options: Any) -> None:
        if action == "list":
            self._list(options, json_wanted)
            return
        pk = options["id"]
        try:
            _act(action, pk, options)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        if action == "withdraw":
            self.stdout.write(as_json({"withdrawn": pk}) if json_wanted else f"Draft {pk} is gone.")
        else:
            self._show(pk, options.get("wait", 0.0), json_wanted)

    def _list(self, options: Mapping[str, Any], json_wanted: bool) -> None:
        if options["limit"] < 1:
            raise CommandError(
                f"--limit {options['limit']} lists nothing: 1 or more.", returncode=1
            )
        found = query.newest(options["limit"], options["group"], options["state"])
        if json_wanted:
            self.stdout.write(as_json([_plain(view) for view in found]))
        elif not found:
            self.stdout.write("No operation is like that.")
        else:
            rows = [_row(view) for view in found]
            self.stdout.write(table(HEADINGS, rows, right={0, 4, 5, 6, 7, 8}))

    def _show(self, pk: int, wait_s: float, json_wanted: bool) -> None:
        view = awaited(pk, wait_s, quiet=json_wanted)
        if json_wanted:
            self.stdout.write(as_json(_plain(view)))
        else:
            self.stdout.write("\n".join(_text(view)))
        if wait_s and not view.done:
            sys.exit(UNDER_WAY)
        if wait_s and (view.failed or view.skipped):
            sys.exit(NOT_ALL_HANDLED)


def _add_manner(parser: CommandParser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept in the audit")
    parser.add_argument("--no-ramp", action="store_true", help="all at once, not 1, 10, 100")
    parser.add_argument(
        "--stop-percent", type=int, default=10, help="stop when more failed again (10)"
    )
    parser.add_argument("--rate", type=float, help="most events a second")


def _act(action: str, pk: int, options: Mapping[str, Any]) -> None:
    """Do it, unless it is only to be shown. Raises Refused."""
    actor = at_the_shell()
    if action == "begin":
        manner = Manner(not options["no_ramp"], options["stop_percent"], options["rate"])
        begin(actor, pk, options["reason"], manner, options["typed"])
    elif action == "withdraw":
        withdraw(actor, pk)
    elif action in MOVES:
        MOVES[action](actor, pk, options["reason"])


def _plain(view: OperationView) -> dict[str, Any]:
    return {**asdict(view), "done": view.done}


def _row(view: OperationView) -> list[object]:
    counts = (view.total, view.handled, view.failed, view.skipped, view.waiting)
    return [view.id, view.kind, view.group, view.state, *counts]


def _text(view: OperationView) -> list[str]:
    asked = f"asked by {view.actor} {when(view.created_at)}"
    lines = [
        f"operation {view.id}: {view.kind} of {view.total} {whom(view)}, {view.state}",
        f"{asked}: {printable(view.reason)}" if view.reason else asked,
        f"{view.handled} handled, {view.failed} failed again, {view.skipped} skipped, "
        f"{view.waiting} still to come",
    ]
    if view.state_reason:
        lines.append(printable(view.state_reason))
    if view.not_included:
        lines.append(f"{view.not_included} newer are not included")
    rows = [
        [
            one.letter.id if one.letter else "",
            one.letter.event_type if one.letter else "",
            str(one.event_id or ""),
            one.result,
            one.told,
            when(one.at),
        ]
        for one in view.letters
    ]
    lines += ["", table(["Letter", "Event", "Id", "Outcome", "", "When"], rows, right={0})]
    if view.older:
        lines.append(f"These are the first {len(view.letters)}; --json and the page show the same.")
    return lines
