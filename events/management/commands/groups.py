"""``manage.py groups``: how the consumer groups stand, and moving them."""

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
from events.operations import (
    Way,
    detach_group,
    move_group,
    pause_group,
    resume_group,
    undo_move,
)
from events.queries import group_move, leftovers, words
from events.queries import groups as query
from events.queries.group_move import MovePreview
from events.queries.snapshot import GroupState, Snapshot, take

UNREACHABLE = 2

HEADINGS = (
    *("Group", "Domain", "Oldest waiting", "Lag", "Pending", "Retries"),
    *("Dead letters", "Workers"),
)


class Command(BaseCommand):
    help = (
        "Show the consumer groups, those that need somebody first, or one of them with its streams;"
        " `pending NAME` shows what its consumers hold; pause, resume or move one, undo a move, or"
        " detach one that nobody declares. Exit status: 0 done, 1 no such group or refused, 2 the"
        " bus cannot be reached and figures are unknown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            nargs="?",
            default="list",
            metavar="list|show|pending|pause|resume|move|undo|detach",
            help="what to do; the name of a group alone shows it",
        )
        parser.add_argument(
            "name", nargs="?", help="the group; to undo, the number of the operation"
        )
        parser.add_argument("--reason", default="", help="why; it is kept in the audit")
        parser.add_argument(
            "--to", default="", help="move: start, end, a time, a time ago (10m), an entry's id"
        )
        parser.add_argument("--stream", default="", help="move: on this stream alone")
        parser.add_argument("--dry-run", action="store_true", help="move, detach: only show it")
        parser.add_argument("--confirm", default="", help="detach: the name of the group again")
        parser.add_argument(
            "--expected", type=int, help="detach: how many entries wait for it, as was shown"
        )
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
        self.stdout.write(
            as_json(done) if json_wanted else "\n".join(map(printable, done["told"].split("\n")))
        )

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


def _move(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    seen = group_move.preview(name, options["to"], options["stream"])
    if seen is None:
        raise Refused(f"No group is called {name!r}; there are {', '.join(query.names())}.")
    if options["dry_run"]:
        return {**asdict(seen), "told": _shown(seen)}
    ways = [Way.of(step) for step in seen.moving]
    operation = move_group(at_the_shell(), name, ways, options["reason"], options["to"])
    told = operation.state_reason or f"It is operation {operation.pk}, which can be undone."
    return {**asdict(seen), "operation": operation.pk, "told": f"{_shown(seen)}\n{told}"}


def _shown(seen: MovePreview) -> str:
    least = "more than " if seen.capped else ""
    inbox = f"{seen.known} of these are done" if seen.keeps_inbox else "it keeps no inbox"
    rows = [
        [step.stream, step.before, step.after, step.skipped, step.again, step.known]
        for step in seen.moving
    ]
    headings = ("Stream", "Stands at", "Goes to", "Skipped", "Again", "Done")
    lines = [
        f"{seen.group} to {seen.to}: {least}{seen.skipped} skipped, "
        f"{least}{seen.again} delivered again ({inbox})",
        table(headings, rows, right={3, 4, 5}) if rows else "It stands there already.",
    ]
    return "\n".join([*lines, *([seen.refused] if seen.refused else [])])


def _undo(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if not name.isdecimal():
        raise Refused(f"{name!r} is no number of an operation: see manage.py operations list.")
    undone = undo_move(at_the_shell(), int(name), options["reason"])
    told = f"{undone.group_name} stands where it stood before operation {undone.pk}."
    return {"operation": undone.pk, "group": undone.group_name, "told": told}


def _detach(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    found = leftovers.load(name)
    if options["dry_run"] and found:
        told = f"{words.plural(found.waiting, 'entry', 'entries')} wait for {name}."
        return {**asdict(found), "waiting": found.waiting, "told": told}
    if found and options["expected"] is None:
        raise Refused(f"Say --expected {found.waiting} to detach {name}: so many entries wait.")
    gone = detach_group(
        at_the_shell(),
        name,
        expected=options["expected"] or 0,
        typed=options["confirm"],
        reason=options["reason"],
    )
    return {**asdict(gone), "waiting": gone.waiting, "told": f"{name} is detached."}


ACTIONS: Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    "list": lambda name, options: {},
    "show": lambda name, options: {},
    "pause": _pause,
    "resume": _resume,
    "move": _move,
    "undo": _undo,
    "detach": _detach,
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
