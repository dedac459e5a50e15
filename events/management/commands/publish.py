"""``manage.py publish``: publish events written one per line."""

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

from events import strict_json
from events.bus import publish
from events.errors import InvalidEvent, Problem
from events.validation import MAX_EVENT_BYTES, validated


@dataclass
class Tally:
    """What became of the lines."""

    published: int = 0
    accepted: list[dict[str, Any]] = field(default_factory=list)
    """Per event published its line, its id and the id of its chain."""
    duplicates: list[str] = field(default_factory=list)
    refused_lines: int = 0
    refused: list[str] = field(default_factory=list)
    """Every problem of every refused line."""


class Command(BaseCommand):
    help = (
        "Publish envelopes from a file of JSON lines. A line whose event_id is already stored is "
        "reported and ignored; a line without one is a new event; a bad line is reported and does "
        "not stop the others."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", required=True, help="path, or - for standard input")
        parser.add_argument("--json", action="store_true", dest="as_json", help="report as JSON")

    def handle(self, *, file: str, as_json: bool, **options: Any) -> None:
        tally = Tally()
        with _lines(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    self._publish(number, line.rstrip("\n"), tally, quiet=as_json)
        if as_json:
            self.stdout.write(json.dumps(vars(tally)))
        else:
            self.stdout.write(
                f"{tally.published} published, {len(tally.duplicates)} already known, "
                f"{tally.refused_lines} refused."
            )
        if tally.refused:
            sys.exit(1)

    def _publish(self, number: int, line: str, tally: Tally, *, quiet: bool) -> None:
        try:
            event = validated(_parsed(line))
            result = publish(event)
        except InvalidEvent as error:
            reasons = [f"line {number}: {problem}" for problem in error.problems]
            tally.refused_lines += 1
            tally.refused += reasons
            if not quiet:
                self.stderr.write("\n".join(reasons))
            return
        for event_id in result.accepted:
            chain = str(event.correlation_id)
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


def _parsed(line: str) -> dict[str, Any]:
    """One line as a JSON object; InvalidEvent says what else it is."""
    if len(line) > MAX_EVENT_BYTES:
        raise _bad(f"has {len(line):,} characters, at most {MAX_EVENT_BYTES:,} are read")
    try:
        raw = strict_json.parsed(line)
    except ValueError as error:
        raise _bad(f"is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise _bad(f"is a JSON {type(raw).__name__}, not an object")
    return raw


def _bad(reason: str) -> InvalidEvent:
    return InvalidEvent("event", (Problem("line", reason),))


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
