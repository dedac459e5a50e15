"""``manage.py chain``: one chain as a tree in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.management.output import as_json, printable, table
from events.queries import chain as query
from events.queries import words
from events.queries.chain_json import as_json as chain_json
from events.queries.chain_steps import Step, outcome_status
from events.queries.find import find

IN_PROGRESS, TROUBLED = 2, 3


class Command(BaseCommand):
    help = (
        "Show a chain: who caused what, who handled it, what failed, what is missing. Exit status: "
        "0 complete, 1 no such chain, 2 in progress, 3 something failed or is overdue."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="a correlation id, or the id of any event of the chain")
        parser.add_argument("--json", action="store_true", dest="json_wanted", help="print JSON")
        parser.add_argument(
            "--groups", action="store_true", help="list what every group did with every event"
        )

    def handle(self, *, id: str, json_wanted: bool, groups: bool, **options: Any) -> None:  # noqa: A002
        found = query.load(_correlation_id(id))
        if found is None:
            raise CommandError(f"There is no chain and no event {printable(id)}.", returncode=1)
        if json_wanted:
            self.stdout.write(as_json(chain_json(found)))
        else:
            self.stdout.write("\n".join(_text(found, groups)))
        if status := _status(found):
            sys.exit(status)


def _correlation_id(text: str) -> UUID:
    """The chain of what was given: itself, or the chain of the event it names."""
    try:
        given = UUID(text)
    except ValueError:
        raise CommandError(f"{printable(text)} is not an id.", returncode=1) from None
    match = find(text).only
    if match is not None and match.kind == "event":
        from events.queries.event import load

        event = load(given)
        return event.record.event.correlation_id if event else given
    return given


def _status(found: query.Chain) -> int:
    if found.complete:
        return 0
    return TROUBLED if found.status.kind in ("bad", "warn") else IN_PROGRESS


def _text(found: query.Chain, groups: bool) -> Iterator[str]:
    began = found.began_at.isoformat(sep=" ", timespec="milliseconds")
    yield f"{printable(found.title)}   {found.correlation_id}"
    yield (
        f"{found.status.words} · began {began} · took {found.took} · "
        f"{words.plural(found.count, 'event')} in {words.plural(len(found.domains), 'domain')}"
    )
    if found.bus_reason:
        yield f"The bus cannot be asked, so not all is known: {found.bus_reason}"
    yield ""
    rows = [row for step in found.steps for row in _rows(step, found, groups)]
    yield table(
        ["Event", "Says", "After", "Said by", "Outcome", "Groups"], rows, right={2}, shrink={1}
    )
    if found.steps_left_out:
        yield f"{found.steps_left_out} further rows are not drawn; --json has them all."


def _rows(step: Step, found: query.Chain, groups: bool) -> Iterator[list[str]]:
    handled = f"{step.handled}/{len(step.reads)}" if step.reads else ""
    yield [
        step.branch + step.event_type,
        step.says,
        step.after,
        step.group,
        step.status.words,
        handled,
    ]
    if groups:
        indent = " " * (len(step.branch) + 2)
        for outcome in step.reads:
            words_of = outcome_status(outcome, found.at).words
            yield [f"{indent}{outcome.group}", outcome.error, "", "", words_of, ""]
