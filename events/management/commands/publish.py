"""``manage.py publish``: publish the events of a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.adapters import AdapterRegistry, adapters
from events.bus import publish
from events.errors import ConfigurationError, InvalidEvent, InvalidInList
from events.management.event_file import Part, parts


@dataclass
class Tally:
    """What became of the lines."""

    published: int = 0
    accepted: list[dict[str, Any]] = field(default_factory=list)
    """Per event published its line, its id and the id of its chain."""
    duplicates: list[str] = field(default_factory=list)
    refused_lines: int = 0
    refused_events: int = 0
    """Of a list that is refused all its events, for none of them is published."""
    refused: list[str] = field(default_factory=list)
    """Every problem of every refused line."""


class Command(BaseCommand):
    help = (
        "Publish events from a file of JSON lines, each an event in any known format: our own "
        "envelope, those of AstraTrade, TradeSense and TradPal, CloudEvents, a configured webhook. "
        "A line may hold a list of events, or the file one JSON document; of a list all or none is "
        "published. An event whose id is already stored is reported and ignored; one without an id "
        "is a new event; a bad line is reported and does not stop the others."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", required=True, help="path, or - for standard input")
        parser.add_argument("--json", action="store_true", dest="as_json", help="report as JSON")

    def handle(self, *, file: str, as_json: bool, **options: Any) -> None:
        tally = Tally()
        try:
            formats = adapters()
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        with _lines(file) as lines:
            for part in parts(lines):
                self._publish(part, formats, tally, quiet=as_json)
        if as_json:
            self.stdout.write(json.dumps(vars(tally)))
        else:
            self.stdout.write(
                f"{tally.published} published, {len(tally.duplicates)} already known, "
                f"{tally.refused_events} refused."
            )
        if tally.refused:
            sys.exit(1)

    def _publish(self, part: Part, formats: AdapterRegistry, tally: Tally, *, quiet: bool) -> None:
        number = part.line
        try:
            events = formats.adapt_several(part.parsed())
            result = publish(*events)
        except InvalidEvent as error:
            reasons = list(_reasons(number, error))
            tally.refused_lines += 1
            tally.refused_events += error.count if isinstance(error, InvalidInList) else 1
            tally.refused += reasons
            if not quiet:
                self.stderr.write("\n".join(reasons))
            return
        chains = {event.event_id: str(event.correlation_id) for event in reversed(events)}
        for event_id in result.accepted:
            chain = chains[event_id]
            tally.published += 1
            tally.accepted.append(
                {"line": number, "event_id": str(event_id), "correlation_id": chain}
            )
            if not quiet:
                self.stdout.write(f"line {number}: {event_id}, chain {chain}")
        for event_id in result.duplicates:
            tally.duplicates.append(f"line {number}: {event_id}")
            if not quiet:
                self.stdout.write(f"line {number}: {event_id} is already known, ignored")


def _reasons(line: int, error: InvalidEvent) -> Iterator[str]:
    """Every problem with its place in the file, which is counted from 1."""
    if not isinstance(error, InvalidInList):
        yield from (f"line {line}: {problem}" for problem in error.problems)
        return
    place = f"line {line}, event {error.number} of {error.count}"
    yield from (
        f"{place}: {problem.reason if problem.field == 'event' else problem}"
        for problem in error.alone.problems
    )
    if error.count > 1:
        yield f"line {line}: none of its {error.count} events is published"


@contextmanager
def _lines(file: str) -> Iterator[Iterable[str]]:
    if file == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8", errors="surrogateescape") as stream:
            yield stream
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
