"""``manage.py history``: stored events to one group again, rehearsed, or said again to everyone."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.awaiting import awaited, outcome
from events.management.frozen import Look, Wish, agreed, forget, go
from events.management.output import as_json
from events.management.times import time_given
from events.operations import MODES, Manner, propose_history
from events.queries.history_filter import HistoryFilter

UNDER_WAY, NOT_ALL_HANDLED = 2, 3

BY_WORD = {mode.replace(" ", "-"): mode for mode in MODES}


class Command(BaseCommand):
    help = (
        "Give stored events to one group again: catch-up leaves out what it has handled,"
        " handle-again does not, shadow rehearses and commits nothing. new-events says them again"
        " to everyone, with new ids. The set is frozen and shown first. Exit status: 0 done, 1"
        " refused; with --wait also 2 still under way, 3 some failed or were skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mode", choices=list(BY_WORD))
        parser.add_argument("group", nargs="?", default="", help="left out with new-events")
        parser.add_argument("--type", default="", help="only this event type")
        parser.add_argument("--entity", default="", help="only what is about it, e.g. user:123")
        parser.add_argument("--correlation", default="", metavar="ID", help="only this chain")
        time_help = "stored %s: 2026-01-15T12:00 (UTC), or 2h for two hours ago"
        parser.add_argument("--since", default="", metavar="TIME", help=time_help % "then or later")
        parser.add_argument("--until", default="", metavar="TIME", help=time_help % "before then")
        parser.add_argument("--reason", default="", help="why; it is kept in the audit")
        parser.add_argument("--dry-run", action="store_true", help="look, and do nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--typed", default="", metavar="WORD",
            help="with --yes: the group's name for handle-again, the number of events for"
            " new-events",
        )  # fmt: skip
        parser.add_argument("--no-ramp", action="store_true", help="all at once, not 1, 10, 100")
        parser.add_argument(
            "--stop-percent", type=int, default=10, help="stop when more failed (10)"
        )
        parser.add_argument("--rate", type=float, metavar="N", help="most events a second")
        parser.add_argument(
            "--wait", type=float, default=0.0, metavar="S", help="seconds to wait for the outcome"
        )
        parser.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(self, *, mode: str, group: str, json_wanted: bool, **options: Any) -> None:
        wish = Wish(
            verb="replay",
            reason=options["reason"],
            manner=Manner(not options["no_ramp"], options["stop_percent"], options["rate"]),
            dry_run=options["dry_run"],
            yes=options["yes"],
            typed=options["typed"],
        )
        look = _freeze(group, BY_WORD[mode], options)
        if wish.dry_run or not json_wanted:
            told = look.as_json()
            self.stdout.write(as_json(told) if json_wanted else "\n".join(look.lines()))
        wanted = None if wish.dry_run else agreed(look, wish)
        if wanted is None:
            forget(look)
            if not json_wanted:
                self.stdout.write("Nothing has happened.")
            return
        view = awaited(go(look, wanted).pk, options["wait"], quiet=json_wanted)
        self.stdout.write(as_json(asdict(view)) if json_wanted else outcome(view))
        if options["wait"] and not view.done:
            sys.exit(UNDER_WAY)
        if options["wait"] and (view.failed or view.skipped):
            sys.exit(NOT_ALL_HANDLED)


def _freeze(group: str, mode: str, options: dict[str, Any]) -> Look:
    chosen = HistoryFilter(
        event_type=options["type"],
        entity=options["entity"],
        correlation=options["correlation"],
        since=time_given("--since", options["since"]) if options["since"] else None,
        until=time_given("--until", options["until"]) if options["until"] else None,
    )
    try:
        return Look.at(propose_history(at_the_shell(), group, chosen, mode))
    except Refused as refused:
        raise CommandError(str(refused), returncode=1) from refused
