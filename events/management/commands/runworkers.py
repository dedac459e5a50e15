"""``manage.py runworkers``: run the domains' handlers."""

from __future__ import annotations

import gc
import os
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import transport
from events.errors import BusUnavailable, ConfigurationError
from events.groups import Group, group, groups, set_up
from events.management.reloading import watch_files
from events.policy import refuse_wrong_server
from events.relay import relay_waiting
from events.scheduler import Scheduler
from events.supervisor import Child, Supervisor
from events.worker import STUCK, Worker

DRAIN_S = 25.0
"""How long a worker that was asked to stop may finish what it runs (Kubernetes kills after 30)."""

MOST = 256
"""Most processes, and most threads: more is a mistake in writing."""

BEYOND_DRAIN_S = 10.0
"""How much longer its supervisor waits: for the last marks, for handing back."""


EXIT_CODES = {STUCK: "a handler did not stop when its time was over"}
"""What a worker's own exit codes mean, for whoever starts it again."""


class Command(BaseCommand):
    help = (
        "Run the handlers of all groups, or of those chosen. A worker that dies, or leaves because "
        "a handler could not be stopped (exit status 75), is started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--groups", default="", help="only these groups, separated by commas")
        parser.add_argument("--domains", default="", help="only groups of these domains")
        parser.add_argument(
            "--processes", type=_positive, default=1, help="how many processes (default 1)"
        )
        parser.add_argument(
            "--threads",
            type=_positive,
            help="groups handled at once in each process (default: 1 on SQLite, which writes one "
            "thing at a time, 4 on PostgreSQL)",
        )
        parser.add_argument(
            "--drain-timeout",
            type=_seconds,
            default=DRAIN_S,
            metavar="S",
            help="seconds a stopping worker has for what it runs (default 25)",
        )
        parser.add_argument(
            "--once", action="store_true", help="work through what is there, then end"
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="for development: drain and start again when a Python file changes",
        )
        parser.add_argument(
            "--no-supervisor",
            action="store_true",
            help="be the worker itself; for whoever starts it again anyway (up, Docker, systemd)",
        )

    def handle(self, *, processes: int, once: bool, reload: bool, **options: Any) -> None:
        chosen = _chosen(options["groups"], options["domains"])
        alone = bool(options["no_supervisor"])
        if once and (reload or processes > 1):
            raise CommandError("--once ends by itself: it takes neither --processes nor --reload")
        if alone and (reload or processes > 1):
            raise CommandError("--processes and --reload need the supervisor")
        _refuse_wrong_server()
        if not (once or alone or transport.current().shared):
            raise CommandError(
                "ASTRA_TRANSPORT=memory is a bus within one process: workers would hear nothing of "
                "what others publish; name a server with REDIS_URL"
            )
        if once:
            self._once(chosen)
        elif alone:
            sys.exit(self._run(chosen, options))
        else:
            self._supervise(processes, reload, options)

    def _once(self, chosen: list[Group]) -> None:
        try:
            set_up(transport.current().streams, chosen)
            worker = Worker(chosen)
            relay_waiting()
            count = worker.run_once()
        except BusUnavailable as error:
            raise CommandError(f"Nothing could be read: {error}") from error
        self.stdout.write(f"{count} deliveries handled by {len(chosen)} groups.")

    def _run(self, chosen: list[Group], options: Mapping[str, Any]) -> int:
        """The worker, until it is told to stop; its exit status."""
        # What was loaded stays: the collector need not look at it again and again.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        with suppress(BusUnavailable):  # the worker waits for the bus, and sets up what is missing
            set_up(transport.current().streams, chosen)
        worker = Worker(
            chosen,
            report=self._say,
            threads=options["threads"],
            drain_timeout_s=options["drain_timeout"],
        )
        stop_on_signal(worker.stop)
        scheduler = Scheduler()
        scheduler.start()
        status = worker.run()
        if status:
            os._exit(status)  # nothing may wait for what the handler left behind holds
        scheduler.stop()
        return status

    def _supervise(self, processes: int, reload: bool, options: Mapping[str, Any]) -> None:
        """Children that are this command without a supervisor."""
        command = worker_command(options)
        grace_s = options["drain_timeout"] + BEYOND_DRAIN_S
        children = [
            Child(f"worker {number}", command, grace_s=grace_s, exit_codes=EXIT_CODES)
            for number in range(1, processes + 1)
        ]
        supervisor = Supervisor(children, report=self._say, together=True, restarts=not reload)
        if reload:
            watch_files(supervisor.request_restart)
        supervisor.run()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def worker_command(options: Mapping[str, Any]) -> tuple[str, ...]:
    """This command without a supervisor, with what was chosen; a drain of 0 s is a choice too."""
    command = [sys.executable, sys.argv[0], "runworkers", "--no-supervisor"]
    for name in ("groups", "domains", "threads", "drain_timeout"):
        if options[name] not in (None, ""):
            command += [f"--{name.replace('_', '-')}", str(options[name])]
    return tuple(command)


def _refuse_wrong_server() -> None:
    try:
        refuse_wrong_server()
    except ConfigurationError as error:
        raise CommandError(f"{error}.") from error


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
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3_600:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds
