"""``manage.py runworkers``: run the domains' handlers."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import transport
from events.errors import BusUnavailable, ConfigurationError
from events.groups import Group, group, groups, set_up
from events.relay import relay_waiting
from events.scheduler import Scheduler
from events.supervisor import Child, Supervisor
from events.worker import Worker


class Command(BaseCommand):
    help = "Run the handlers of all groups, or of those chosen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--groups", default="", help="only these groups, separated by commas")
        parser.add_argument("--domains", default="", help="only groups of these domains")
        parser.add_argument(
            "--processes", type=_positive, default=1, help="how many processes (default 1)"
        )
        parser.add_argument(
            "--once", action="store_true", help="work through what is there, then end"
        )

    def handle(
        self, *, groups: str, domains: str, processes: int, once: bool, **options: Any
    ) -> None:
        chosen = _chosen(groups, domains)
        if once:
            self._once(chosen)
        elif processes > 1:
            self._supervise(groups, domains, processes)
        else:
            self._run(chosen)

    def _once(self, chosen: list[Group]) -> None:
        try:
            set_up(transport.current().streams, chosen)
            worker = Worker(chosen)
            relay_waiting()
            count = worker.run_once()
        except BusUnavailable as error:
            raise CommandError(f"Nothing could be read: {error}") from error
        self.stdout.write(f"{count} deliveries handled by {len(chosen)} groups.")

    def _run(self, chosen: list[Group]) -> None:
        worker = Worker(chosen, report=self._say)
        stop_on_signal(worker.stop)
        scheduler = Scheduler()
        scheduler.start()
        worker.run()
        scheduler.stop()

    def _supervise(self, groups: str, domains: str, processes: int) -> None:
        command = [sys.executable, sys.argv[0], "runworkers"]
        command += ["--groups", groups] if groups else []
        command += ["--domains", domains] if domains else []
        children = [
            Child(name=f"worker {number}", argv=tuple(command))
            for number in range(1, processes + 1)
        ]
        Supervisor(children, report=self._say).run()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def stop_on_signal(stop: Callable[[], None]) -> None:
    """First SIGTERM or SIGINT: drain. Second: end at once."""
    asked: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked:
            os._exit(128 + number)
        asked.append(number)
        stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def _chosen(names: str, domains: str) -> list[Group]:
    """The groups the options choose; both empty means all."""
    try:
        chosen = [group(name) for name in _listed(names)]
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    for domain in _listed(domains):
        found = [declared for declared in groups() if declared.domain == domain]
        if not found:
            known = sorted({declared.domain for declared in groups()})
            raise CommandError(f"no group belongs to {domain!r}; domains are {', '.join(known)}")
        chosen += [declared for declared in found if declared not in chosen]
    return chosen or list(groups())


def _listed(text: str) -> list[str]:
    """The parts between commas, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of processes: 1 or more")
    return int(text)
