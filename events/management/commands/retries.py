"""``manage.py retries``: look at what waits for a retry, run it now, or give it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import BusUnavailable, Refused
from events.management.actors import at_the_shell
from events.management.output import as_json, printable, table, when
from events.operations import Mended, give_up_retries, run_retries_now
from events.queries import waiting as query
from events.queries.groups import names
from events.queries.waiting import Retry, Waiting
from events.queries.words import plural

UNREACHABLE = 2

HEADINGS = ("Event id", "Group", "Event", "Error", "Message", "Attempt", "Due", "First failed")


class Command(BaseCommand):
    help = (
        "List what waits for a retry, run some of it now, or give some up. Exit status: 0 done,"
        " 1 unknown or refused, 2 the bus cannot be reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="those due first")
        listing.add_argument("--group", default="", help="of this group alone")
        listing.add_argument("--limit", type=int, default=50, help="most that are listed (50)")
        running = actions.add_parser("run", help="make due at once")
        giving_up = actions.add_parser("give-up", help="make dead letters of them")
        giving_up.add_argument("--reason", required=True, help="why; it is kept in the audit")
        for acting in (running, giving_up):
            acting.add_argument("group")
            acting.add_argument("events", nargs="+", metavar="event-id")
        for action in (listing, running, giving_up):
            action.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(self, *, action: str, json_wanted: bool, **options: Any) -> None:
        try:
            if action == "list":
                self._list(options["group"], options["limit"], json_wanted)
            elif action == "run":
                mended = run_retries_now(at_the_shell(), options["group"], options["events"])
                self._told(mended, "made due at once", json_wanted)
            else:
                mended = give_up_retries(
                    at_the_shell(), options["group"], options["events"], options["reason"]
                )
                self._told(mended, "given up: now dead letters", json_wanted)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        except BusUnavailable as error:
            raise CommandError(
                f"The bus cannot be reached: {error}", returncode=UNREACHABLE
            ) from error

    def _list(self, group: str, limit: int, json_wanted: bool) -> None:
        if limit < 1:
            raise CommandError(f"--limit {limit} lists nothing: 1 or more.", returncode=1)
        if group and group not in names():
            raise CommandError(
                f"No group is called {printable(group)}; there are {', '.join(names())}.",
                returncode=1,
            )
        waiting = query.load(group, limit)
        rows = [row for trouble in waiting.troubles for row in trouble.rows]
        if json_wanted:
            self.stdout.write(as_json({**_counts(waiting), "retries": [asdict(r) for r in rows]}))
            return
        if rows:
            self.stdout.write(table(HEADINGS, [_row(row) for row in rows], shrink={4}))
        self.stdout.write(_sentence(waiting, limit))

    def _told(self, mended: Mended, done: str, json_wanted: bool) -> None:
        if json_wanted:
            self.stdout.write(as_json(asdict(mended)))
            return
        self.stdout.write(f"{plural(len(mended.done), 'retry', 'retries')} {done}.")
        if mended.left:
            self.stdout.write(f"Waited no more: {_listed(mended.left)}.")


def _counts(waiting: Waiting) -> dict[str, object]:
    return {"at": waiting.at, "waiting": waiting.total, "on_their_way": waiting.woken}


def _sentence(waiting: Waiting, limit: int) -> str:
    if not waiting.total:
        told = "Nothing waits for its time."
    elif waiting.shown < waiting.total:
        told = (
            f"{waiting.total} wait, the {waiting.shown} that are due first are listed;"
            f" --limit {limit * 10} lists more of them."
        )
    else:
        told = f"{plural(waiting.total, 'retry', 'retries')}, all listed."
    if waiting.woken:
        told += f" {waiting.woken} more on the way to a worker."
    return told


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(printable(one) for one in ids)


def _row(row: Retry) -> list[object]:
    return [
        row.event_id,
        row.group,
        row.event_type or "not an event",
        row.error,
        row.message.partition("\n")[0],
        f"{row.attempt} of {row.attempts}" if row.attempts else row.attempt,
        when(row.due_at),
        when(row.first_failed_at),
    ]
