"""``manage.py entity``: what happened to an entity, and the state that comes to."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.management.output import as_json, printable, table, when
from events.management.times import time_given
from events.queries import entity as query
from events.queries.entity import EntityView
from events.sourcing import MOST_FOLDED


class Command(BaseCommand):
    help = (
        "Rebuild the state of an entity from its stored events, and list the newest of them. Exit"
        " status: 0 done, 1 nothing is stored about it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", help="e.g. trading")
        parser.add_argument("entity_id", metavar="id", help="e.g. position-1f2e3d")
        parser.add_argument(
            "--at", metavar="TIME", help="as it was then, e.g. 2026-01-15T12:00 (UTC)"
        )
        parser.add_argument("--json", action="store_true", dest="json_wanted")

    def handle(
        self, *, domain: str, entity_id: str, at: str | None, json_wanted: bool, **options: Any
    ) -> None:
        view = query.load(
            domain, entity_id, time_given("--at", at) if at else None, most=MOST_FOLDED
        )
        if view is None:
            known = query.domains()
            hint = "" if domain.lower() in known else f"; domains are {', '.join(known)}"
            raise CommandError(
                f"Nothing is stored about {printable(entity_id)} in {printable(domain)}{hint}.",
                returncode=1,
            )
        self.stdout.write(as_json(_as_json(view)) if json_wanted else _shown(view))


def _as_json(view: EntityView) -> dict[str, Any]:
    rebuilt = view.rebuilt
    return {
        "domain": view.domain,
        "entity_id": view.entity_id,
        "at": view.at,
        "states": rebuilt.states,
        "folded": rebuilt.folded,
        "passed_over": rebuilt.passed_over,
        "first_at": rebuilt.first_at,
        "last_at": rebuilt.last_at,
        "cut": rebuilt.cut,
        "newest": [record.envelope() for record in view.page.rows],
    }


def _shown(view: EntityView) -> str:
    rebuilt = view.rebuilt
    lines = [f"There is no state: {printable(rebuilt.failed)}"] if rebuilt.failed else []
    for label, state in rebuilt.states.items():
        pairs = [[name, printable(str(value))] for name, value in state.items()]
        lines.append(table([label, ""], pairs))
    lines.append(f"{rebuilt.folded} events folded.")
    if rebuilt.cut:
        lines.append(f"There are more: the state is that after the oldest {MOST_FOLDED:,}.")
    for name, count in rebuilt.passed_over.items():
        lines.append(f"{count} of {name} passed over: no fold, or not valid.")
    rows = [
        [when(r.event.occurred_at), r.event.event_type, printable(r.says)] for r in view.page.rows
    ]
    lines.append(table(["Happened", "Event", "Says"], rows, shrink={2}))
    return "\n\n".join(lines)
