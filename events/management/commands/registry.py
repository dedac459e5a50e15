"""``manage.py registry``: write the event types down, and hold them against what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import asyncapi, contracts
from events.contracts import Finding
from events.errors import ConfigurationError, UnknownType
from events.management import registry_markdown
from events.management.output import as_json, printable, table
from events.registry import registry

FORMATS: Mapping[str, Callable[[], str]] = {
    "jsonschema": lambda: as_json(contracts.document()),
    "asyncapi": lambda: as_json(asyncapi.document()),
    "markdown": registry_markdown.page,
}


class Command(BaseCommand):
    help = (
        "The registered event types: export them, check that a change breaks nobody, or compare two"
        " versions. Exit status of check: 0 nothing is broken, 1 something is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        exporting = actions.add_parser("export", help="write all types as one document")
        exporting.add_argument("--format", choices=list(FORMATS), default="jsonschema")
        exporting.add_argument("--output", metavar="FILE", help="instead of the terminal")
        checking = actions.add_parser("check", help="against a document exported before")
        checking.add_argument("--against", metavar="FILE", required=True)
        checking.add_argument(
            "--complete", action="store_true", help="also fail when FILE is not up to date"
        )
        comparing = actions.add_parser("diff", help="two versions of a type, or two documents")
        comparing.add_argument("before", help="Name.v1, or a file")
        comparing.add_argument("after", help="Name.v2, or a file")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            if action == "export":
                self._export(options["format"], options["output"])
            elif action == "check":
                self._check(options["against"], complete=options["complete"])
            else:
                self._diff(options["before"], options["after"])
        except (ConfigurationError, UnknownType) as error:
            raise CommandError(str(error), returncode=1) from error

    def _export(self, wanted: str, output: str | None) -> None:
        text = FORMATS[wanted]().rstrip("\n") + "\n"
        if output is None:
            self.stdout.write(text, ending="")
            return
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error}", returncode=1) from error
        self.stdout.write(f"{output} has the types of {_named(_loaded())}.")

    def _check(self, against: str, *, complete: bool) -> None:
        before = _document(against)
        found = contracts.check(before)
        if found:
            self.stdout.write(_shown(found))
        self.stdout.write(_told_of_file(against, before))
        broken = sum(finding.breaking for finding in found)
        if broken:
            raise CommandError(
                f"{broken} of these break what the types promise: leave the version as it is and "
                "declare the next one with @event_type(..., version=...) and an @upcaster. If it is"
                f" decided all the same: manage.py registry export --output {against}",
                returncode=1,
            )
        stale = contracts.missing_from(before)
        if stale and complete:
            raise CommandError(
                f"{against} does not have {', '.join(stale)} as registered now; once that is "
                f"meant: manage.py registry export --output {against}",
                returncode=1,
            )
        self.stdout.write(
            f"{len(before)} versions in {against}, nothing is broken"
            + (f"; new or changed: {', '.join(stale)}." if stale else ".")
        )

    def _diff(self, before: str, after: str) -> None:
        if Path(before).is_file() and Path(after).is_file():
            found = tuple(contracts.compared(_document(before), _document(after)))
        else:
            old, new = (
                {**contracts.schema_of(registry.resolve(name)), "x-compatibility": "none"}
                for name in (before, after)
            )
            found = tuple(contracts.compared({new["title"]: old}, {new["title"]: new}))
        self.stdout.write(_shown(found) if found else "They are the same.")


DOMAINS = "events.domains."
"""Where the console's own apps are."""


def _loaded() -> tuple[str, ...]:
    return contracts.apps_of(contracts.registered())


def _named(apps: Iterable[str]) -> str:
    return ", ".join(app.removeprefix(DOMAINS) for app in apps)


def _told_of_file(path: str, before: Mapping[str, Mapping[str, Any]]) -> str:
    """What was held against a file, and what it cannot show: an app that is missing from both sides
    would not be noticed."""
    loaded, written = _loaded(), contracts.apps_of(before)
    told = [f"Apps with types: {_named(loaded)}."]
    if written and (absent := [app for app in loaded if app not in written]):
        told.append(f"{path} was exported without {_named(absent)}.")
    if contracts.is_older(before):
        told.append(
            f"{path} is of an older version, which told no digits of amounts and no keys of tables;"
            " export it anew."
        )
    return " ".join(told)


def _document(path: str) -> Mapping[str, Mapping[str, Any]]:
    """A document of before. Raises CommandError naming the file."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{path} cannot be read: {error}", returncode=1) from error
    return contracts.read(raw, path)


def _shown(found: Sequence[Finding]) -> str:
    rows = [
        [
            finding.type,
            printable(finding.difference.path or "(payload)"),
            printable(finding.difference.what),
            _rule(finding),
        ]
        for finding in sorted(found, key=lambda finding: (not finding.breaking, finding.type))
    ]
    return table(["Type", "Field", "What", "Breaks"], rows)


def _rule(finding: Finding) -> str:
    """``backward``, and whether the type promises it."""
    breaks = " and ".join(sorted(finding.difference.breaks)) or "nobody"
    if not finding.breaking:
        return breaks
    promise = finding.promised
    return (
        f"{breaks}: promised {promise}" if promise in ("backward", "forward", "full") else promise
    )
