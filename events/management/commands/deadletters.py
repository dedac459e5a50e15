"""``manage.py deadletters``: look at what failed, rehearse, replay, edit, discard,
restore or export it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.awaiting import awaited, outcome
from events.management.frozen import Wish, agreed, forget, go
from events.management.letter_choice import chosen_of, freeze
from events.management.letter_trials import edit, edit_lines, rehearsal_lines
from events.management.output import as_json, printable, table, when
from events.operations import (
    DECISIONS,
    Manner,
    decide,
    export_letters,
    rehearse_letter,
    replay_dead_letters,
)
from events.queries import dead_letter as letter_query
from events.queries import dead_letters as query
from events.queries.dead_letter import LetterView
from events.queries.groups import names
from events.queries.letter_filter import LetterFilter
from events.queries.words import plural

UNDER_WAY, FAILED_AGAIN = 2, 3

SEARCH = "what they have in common, e.g. 'group:nft error:Reject before:2h'"


class Command(BaseCommand):
    help = (
        "List dead letters, show one, rehearse one, replay some to the one group that failed, edit"
        " and replay one, discard some or restore them, or export them. What is to be done with"
        " all that match a --search is frozen and shown first. Exit status: 0 done, 1 unknown or"
        " refused; with --wait also 2 still under way, 3 some failed again. A rehearsal ends with"
        " 0 would be handled, 2 took too long, 3 would fail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="newest first")
        exporting = actions.add_parser("export", help="as CSV or NDJSON, masked")
        for looking in (listing, exporting):
            looking.add_argument("--state", choices=list(query.STATES), default="open")
            looking.add_argument("--group", default="", help="of this group alone")
            looking.add_argument("--search", default="", help=SEARCH)
        listing.add_argument("--limit", type=int, default=50, help="most that are listed (50)")
        exporting.add_argument("--format", choices=["csv", "ndjson"], default="csv")
        exporting.add_argument("--output", type=Path, help="a file, instead of the terminal")
        showing = actions.add_parser("show", help="one, with traceback and attempts")
        showing.add_argument("id", type=int)
        replaying = actions.add_parser("replay", help="redeliver to the group that failed")
        replaying.add_argument(
            "--wait", type=float, default=0.0, metavar="S", help="seconds to wait for the outcome"
        )
        replaying.add_argument(
            "--no-ramp", action="store_true", help="all at once, not 1, 10, 100, then the rest"
        )
        replaying.add_argument("--rate", type=float, metavar="N", help="most events a second")
        discarding = actions.add_parser("discard", help="close without handling; can be restored")
        restoring = actions.add_parser("restore", help="open discarded ones again")
        editing = actions.add_parser("edit", help="replay one with some payload fields changed")
        editing.add_argument("id", type=int)
        editing.add_argument(
            "--set",
            action="append",
            required=True,
            dest="changes",
            metavar="FIELD=VALUE",
            help="lists and objects as JSON; without a value the field is left out",
        )
        editing.add_argument("--reason", required=True, help="why; it is kept in the audit")
        rehearsing = actions.add_parser("rehearse", help="run its handlers and roll all back")
        rehearsing.add_argument("id", type=int)
        for changing in (replaying, discarding, restoring):
            changing.add_argument("ids", type=int, nargs="*", metavar="id")
            changing.add_argument("--search", default="", help=SEARCH)
            changing.add_argument("--reason", default="", help="why; it is kept in the audit")
            changing.add_argument("--dry-run", action="store_true", help="look, and do nothing")
            changing.add_argument("--yes", action="store_true", help="do not ask")
        for action in (listing, showing, replaying, discarding, restoring, editing, rehearsing):
            action.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(self, *, action: str, json_wanted: bool = False, **options: Any) -> None:
        if action in ("list", "export") and options["group"] and not _known(options["group"]):
            raise CommandError(
                f"No group is called {printable(options['group'])}, and no dead letter is of one; "
                f"there are {', '.join(names())}.",
                returncode=1,
            )
        if action == "list":
            self._list(options, json_wanted)
        elif action == "export":
            self._export(options)
        elif action == "show":
            self._show(options["id"], json_wanted)
        elif action == "edit":
            self._edit(options["id"], options["changes"], options["reason"], json_wanted)
        elif action == "rehearse":
            self._rehearse(options["id"], json_wanted)
        else:
            self._change(action, options, json_wanted)

    def _change(self, action: str, options: dict[str, Any], json_wanted: bool) -> None:
        """What takes numbers of dead letters, or all that match a search."""
        if bool(options["ids"]) == bool(options["search"]):
            raise CommandError("Give numbers of dead letters, or a --search.", returncode=1)
        if options["search"]:
            self._all_that_match(action, options, json_wanted)
        elif options["dry_run"]:
            raise CommandError("--dry-run is for a --search: numbers say what is taken.")
        elif action in DECISIONS:
            self._decide(action, options["ids"], options["reason"], json_wanted)
        else:
            self._replay(options["ids"], options["reason"], options["wait"], json_wanted)

    def _list(self, options: dict[str, Any], json_wanted: bool) -> None:
        state, limit = options["state"], options["limit"]
        if limit < 1:
            raise CommandError(f"--limit {limit} lists nothing: 1 or more.", returncode=1)
        page = query.letters(state, chosen_of(options["search"], options["group"]), size=limit)
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

    def _export(self, options: dict[str, Any]) -> None:
        chosen = chosen_of(options["search"], options["group"])
        lines = export_letters(at_the_shell(), chosen, options["state"], options["format"])
        if options["output"] is None:
            for some in lines:
                self.stdout.write(some, ending="")
            return
        with options["output"].open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)

    def _all_that_match(self, verb: str, options: dict[str, Any], json_wanted: bool) -> None:
        wish = Wish(
            verb=verb,
            reason=options["reason"],
            manner=Manner(ramp=not options.get("no_ramp"), rate_per_s=options.get("rate")),
            dry_run=options["dry_run"],
            yes=options["yes"],
        )
        look = freeze(verb, chosen_of(options["search"]))
        if wish.dry_run or not json_wanted:
            told = look.as_json()
            self.stdout.write(as_json(told) if json_wanted else "\n".join(look.lines()))
        wanted = None if wish.dry_run else agreed(look, wish)
        if wanted is None:
            forget(look)
            self._said("Nothing has happened.", json_wanted)
            return
        self._told(go(look, wanted).pk, options.get("wait", 0.0), json_wanted)

    def _said(self, sentence: str, json_wanted: bool) -> None:
        if not json_wanted:
            self.stdout.write(sentence)

    def _show(self, pk: int, json_wanted: bool) -> None:
        view = letter_query.load(pk)
        if view is None:
            raise CommandError(f"There is no dead letter {pk}.", returncode=1)
        self.stdout.write(as_json(_plain(view)) if json_wanted else "\n".join(_text(view)))

    def _edit(self, pk: int, changes: Sequence[str], reason: str, json_wanted: bool) -> None:
        try:
            made = edit(pk, changes, reason)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        told = as_json(asdict(made)) if json_wanted else "\n".join(edit_lines(made))
        self.stdout.write(told)

    def _rehearse(self, pk: int, json_wanted: bool) -> None:
        try:
            found = rehearse_letter(at_the_shell(), pk)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        told = as_json(found.as_json()) if json_wanted else "\n".join(rehearsal_lines(found))
        self.stdout.write(told)
        if found.outcome != "handled":
            sys.exit(FAILED_AGAIN if found.outcome == "failed" else UNDER_WAY)

    def _decide(self, verb: str, ids: Sequence[int], reason: str, json_wanted: bool) -> None:
        decision = DECISIONS[verb]
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
        self._told(operation.pk, wait_s, json_wanted)

    def _told(self, pk: int, wait_s: float, json_wanted: bool) -> None:
        """What became of an operation, and the exit status that says so."""
        view = awaited(pk, wait_s, quiet=json_wanted)
        self.stdout.write(as_json(asdict(view)) if json_wanted else outcome(view))
        if wait_s and not view.done:
            sys.exit(UNDER_WAY)
        if wait_s and view.failed:
            sys.exit(FAILED_AGAIN)


def _known(group: str) -> bool:
    """Whether the group is declared, or was once and left letters behind."""
    return group in names() or bool(query.letters("all", LetterFilter(group=group), size=1).rows)


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
