"""``manage.py bench``: how fast it is, beside hand-written code in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from events.errors import ConfigurationError
from events.management.bench import servers
from events.management.bench.figures import Aim, Measured

USUAL: Mapping[str, tuple[int, int]] = {
    "publish": (10_000, 3),
    "direct": (20_000, 5),
    "two": (50_000, 1),
    "consume": (100_000, 5),
    "effects": (10_000, 3),
    "singles": (4_000, 3),
    "chain": (500, 2),
    "memory": (1_000_000, 1),
    "long": (50_000, 2),
}
"""Events and rounds of each measure, unless told otherwise."""

BOTH_DATABASES = ("publish", "effects", "singles")

SHORT = ("publish", "direct", "two", "consume", "effects", "singles", "chain")
"""What `all` runs; `memory` and `long` take many minutes and are run by name."""


class Command(BaseCommand):
    help = (
        "Measure our path and the same work written by hand in turn, on servers started for it. "
        "Ratios hold on any machine; absolute figures tell of this one, at this hour."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("measure", choices=[*USUAL, "all"], help="what to measure")
        parser.add_argument("--events", type=_count, help="how many events in a round")
        parser.add_argument("--rounds", type=_count, help="how many rounds")
        parser.add_argument(
            "--sql", choices=["sqlite", "postgresql"], help="only this database (default: both)"
        )
        parser.add_argument("--redis-url", help="an empty bus server to use instead of a new one")
        parser.add_argument("--database-url", help="an empty database instead of a new one")
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *, measure: str, **options: Any) -> None:
        names = SHORT if measure == "all" else (measure,)
        plan = [(name, sql) for name in names for sql in _databases(name, options)]
        measured: list[Measured] = []
        try:
            with _progress(quiet=options["json"]) as progress:
                bar = progress.add_task("", total=sum(_rounds(name, options) for name, _ in plan))
                for name, sql in plan:
                    progress.update(bar, description=f"{name} on {sql}")
                    measured.append(_measured(name, sql, options, lambda: progress.advance(bar)))
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps([one.as_dict() for one in measured], indent=2))
        else:
            Console(file=sys.stdout).print(_table(measured))


def _measured(name: str, sql: str, options: Mapping[str, Any], advance: Any) -> Measured:
    """Run one measure in processes of their own, on servers of its own."""
    found = Measured(name, sql)
    with ExitStack() as stack:
        environment = _environment(stack, sql, options)
        if name == "two":
            _two_at_once(found, environment, options)
            advance()
            return found
        events, rounds = options["events"] or USUAL[name][0], _rounds(name, options)
        for line in _lines(stack, environment, name, events, rounds):
            if "values" in line:
                found.rounds.append(line["values"])
                found.latencies_ms += line["latencies_ms"]
                advance()
            else:
                found.peak_mb = line["peak_mb"]
    return found


def _two_at_once(
    found: Measured, environment: Mapping[str, str], options: Mapping[str, Any]
) -> None:
    """Two processes publish directly at the same time, each with its own database."""
    events = options["events"] or USUAL["two"][0]
    rates: list[float] = []
    with ExitStack() as stack:
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory(prefix="astra-bench-"))
            for _ in range(2)
        ]
        children = [
            _start(stack, {**environment, "DATA_DIR": folder}, "direct", events, 3)
            for folder in folders
        ]
        rates += [
            max(line["values"]["ours"] for line in _said(child) if "values" in line)
            for child in children
        ]
    found.rounds.append({"both together": sum(rates), "one": rates[0], "other": rates[1]})


def _environment(stack: ExitStack, sql: str, options: Mapping[str, Any]) -> dict[str, str]:
    """What a child needs: servers, a folder, the bench's app; nothing of the user's own data."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="astra-bench-"))
    bus = options["redis_url"] or stack.enter_context(servers.bus_server())
    database = options["database_url"] or ""
    if sql == "postgresql" and not database:
        database = stack.enter_context(servers.sql_server())
    return {
        **kept,
        "DATA_DIR": folder,
        "REDIS_URL": bus,
        "DATABASE_URL": database if sql == "postgresql" else "",
        "ASTRA_TRANSPORT": "redis",
        "ASTRA_BACKLOG_CAP": "0",
        "APPS": "events.management.bench",
        "LOG_LEVEL": "WARNING",
        **{name: os.environ[name] for name in ("BENCH_LONG",) if name in os.environ},
    }


def _lines(
    stack: ExitStack, environment: Mapping[str, str], name: str, events: int, rounds: int
) -> Iterator[dict[str, Any]]:
    yield from _said(_start(stack, environment, name, events, rounds))


def _start(
    stack: ExitStack, environment: Mapping[str, str], name: str, events: int, rounds: int
) -> subprocess.Popen[str]:
    child = subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, "-m", "events.management.bench.child", name, str(events), str(rounds)],
        cwd=settings.BASE_DIR,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stack.callback(_end, child)
    return child


def _said(child: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """The child's lines; ConfigurationError with its last words when it fails."""
    for line in child.stdout or ():
        yield json.loads(line)
    _, errors = child.communicate()
    if child.returncode:
        raise ConfigurationError(f"the bench failed: {errors.strip()[-2_000:]}")


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
    child.communicate()


def _databases(name: str, options: Mapping[str, Any]) -> list[str]:
    if name not in BOTH_DATABASES:
        return ["sqlite"]
    return [options["sql"]] if options["sql"] else ["sqlite", "postgresql"]


def _rounds(name: str, options: Mapping[str, Any]) -> int:
    return 1 if name in ("two", "memory") else int(options["rounds"] or USUAL[name][1])


def _progress(*, quiet: bool) -> Progress:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True)


def _table(measured: list[Measured]) -> Table:
    table = Table(
        title=f"Bundled Valkey, append-only file synchronised every second; {os.cpu_count()} cores",
        caption="Medians of the rounds; ratios are taken round by round, in the same run.",
    )
    for heading in ("measure", "figure"):
        table.add_column(heading)
    for heading in ("median", "min", "max", "aim"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in measured:
        label = f"{one.name} ({one.sql}, peak {one.peak_mb:g} MB)"
        for figure in one.figures():
            values = (figure.median, figure.least, figure.most)
            table.add_row(label, figure.name, *map(_number, values), _aim(figure.aim))
            label = ""
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _aim(aim: Aim | None) -> str:
    if aim is None:
        return ""
    return f"{'<=' if aim.most else '>='} {_number(aim.least)} {aim.unit}".rstrip()


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number: 1 or more")
    return int(text)
