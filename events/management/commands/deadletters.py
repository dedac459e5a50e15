"""``manage.py deadletters``: look at what failed, and replay it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.output import as_json, printable, table, when
from events.operations import DISCARD, RESTORE, Decision, decide, replay_dead_letters
from events.queries import dead_letter as letter_query
from events.queries import dead_letters as query
from events.queries import operations
from events.queries.dead_letter import LetterView
from events.queries.groups import names
from events.queries.operations import OperationView
from events.queries.words import plural

UNDER_WAY, FAILED_AGAIN = 2, 3

LOOK_EVERY_S = 0.1

DECISIONS = {decision.verb: decision for decision in (DISCARD, RESTORE)}


class Command(BaseCommand):
    help = (
        "List dead letters, show one, replay some to the one group that failed, discard some or"
        " restore them. Exit status: 0 done, 1 unknown or refused; with --wait also 2 still under"
        " way, 3 some failed again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="newest first")
        listing.add_argument("--state", choices=list(query.STATES), default="open")
        listing.add_argument("--group", default="", help="of this group alone")
        listing.add_argument("--limit", type=int, default=50, help="most that are listed (50)")
        showing = actions.add_parser("show", help="one, with traceback and attempts")
        showing.add_argument("id", type=int)
        replaying = actions.add_parser("replay", help="redeliver to the group that failed")
        replaying.add_argument("ids", type=int, nargs="+", metavar="id")
        replaying.add_argument("--reason", required=True, help="why; it is kept in the audit")
        replaying.add_argument(
            "--wait", type=float, default=0.0, metavar="S", help="seconds to wait for the outcome"
        )
        discarding = actions.add_parser("discard", help="close without handling; can be restored")
        restoring = actions.add_parser("restore", help="open discarded ones again")
        for deciding in (discarding, restoring):
            deciding.add_argument("ids", type=int, nargs="+", metavar="id")
            deciding.add_argument("--reason", required=True, help="why; it is kept in the audit")
        for action in (listing, showing, replaying, discarding, restoring):
            action.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(self, *, action: str, json_wanted: bool, **options: Any) -> None:
        if action == "list":
            self._list(options["state"], options["group"], options["limit"], json_wanted)
        elif action == "show":
            self._show(options["id"], json_wanted)
        elif action in DECISIONS:
            decision = DECISIONS[action]
            self._decide(decision, options["ids"], options["reason"], json_wanted)
        else:
            self._replay(options["ids"], options["reason"], options["wait"], json_wanted)

    def _list(self, state: query.Shown, group: str, limit: int, json_wanted: bool) -> None:
        if limit < 1:
            raise CommandError(f"--limit {limit} lists nothing: 1 or more.", returncode=1)
        if group and not _known(group):
            raise CommandError(
                f"No group is called {printable(group)}, and no dead letter is of one; "
                f"there are {', '.join(names())}.",
                returncode=1,
            )
        page = query.letters(state, group, size=limit)
        if json_wanted:
            self.stdout.write(as_json([asdict(letter) for letter in page.rows]))
            return
        if not page.rows:
            self.stdout.write(f"No dead letters in the state {state}.")
            return
        rows = [
            [
                letter.id,
                letter.group,
                letter.event_type or "not an event",
                letter.error_class,
                letter.message.partition("\n")[0],
                letter.attempts,
                letter.state,
                when(letter.last_failed_at),
            ]
            for letter in page.rows
        ]
        headings = ["No.", "Group", "Event", "Error", "Message", "Attempts", "State", "Failed"]
        self.stdout.write(table(headings, rows, right={0, 5}, shrink={4}))
        if page.older_than is not None:
            self.stdout.write(f"There are more; --limit {limit * 10} lists more of them.")

    def _show(self, pk: int, json_wanted: bool) -> None:
        view = letter_query.load(pk)
        if view is None:
            raise CommandError(f"There is no dead letter {pk}.", returncode=1)
        self.stdout.write(as_json(_plain(view)) if json_wanted else "\n".join(_text(view)))

    def _decide(
        self, decision: Decision, ids: Sequence[int], reason: str, json_wanted: bool
    ) -> None:
        try:
            count = decide(at_the_shell(), ids, reason, decision)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        if json_wanted:
            self.stdout.write(as_json({decision.done: sorted(set(ids))}))
        else:
            self.stdout.write(f"{plural(count, 'dead letter')} {decision.done}.")

    def _replay(self, ids: Sequence[int], reason: str, wait_s: float, json_wanted: bool) -> None:
        try:
            operation = replay_dead_letters(at_the_shell(), ids, reason)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        view = _outcome(operation.pk, wait_s)
        if json_wanted:
            self.stdout.write(as_json(asdict(view)))
        else:
            self.stdout.write(
                f"Operation {view.id}: {view.total} to {view.group}, {view.handled} handled,"
                f" {view.failed} failed again, {view.waiting} still to come."
            )
        if wait_s and not view.done:
            sys.exit(UNDER_WAY)
        if wait_s and view.failed:
            sys.exit(FAILED_AGAIN)


def _known(group: str) -> bool:
    """Whether the group is declared, or was once and left letters behind."""
    return group in names() or bool(query.letters("all", group, size=1).rows)


def _outcome(pk: int, wait_s: float) -> OperationView:
    """The operation once it is done, or as it stands after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while True:
        view = operations.load(pk)
        if view is None:
            raise CommandError(f"Operation {pk} is gone.", returncode=1)
        if view.done or time.monotonic() >= deadline:
            return view
        time.sleep(LOOK_EVERY_S)


def _plain(view: LetterView) -> dict[str, Any]:
    """The view as JSON-ready values; the event only as its masked payload."""
    return {
        **asdict(view.letter),
        "handlers": view.handlers,
        "stream": view.stream,
        "entry_id": view.entry_id,
        "worker": view.worker,
        "code_version": view.code_version,
        "traceback": view.traceback,
        "attempts": [asdict(attempt) for attempt in view.attempts],
        "data": view.data,
        "raw": view.raw,
        "operations": view.operations,
        "other_groups": {o.outcome.group: o.outcome.state for o in view.others},
    }


def _text(view: LetterView) -> Iterator[str]:
    letter = view.letter
    yield f"{letter.error_class}: {printable(letter.message)}"
    yield f"dead letter {letter.id} of {letter.group}, {letter.state}, {letter.kind}"
    yield f"event {letter.event_type or 'unknown'} {letter.event_id or view.entry_id}"
    if letter.correlation_id:
        yield f"chain {letter.correlation_id}"
    yield ""
    for attempt in view.attempts:
        yield f"{when(attempt.at)}  {attempt.error}: {printable(attempt.message)}"
    yield ""
    yield "\n".join(printable(line) for line in view.traceback.splitlines())
    yield ""
    yield as_json(view.data) if view.event else printable(view.raw)
    yield ""
    yield table(
        ["Other group", "Outcome"],
        [[group.outcome.group, group.outcome.state] for group in view.others],
    )
