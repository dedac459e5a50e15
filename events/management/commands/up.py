"""Run the whole console on this machine: bus server, web, workers, scheduler, simulator."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from events.errors import BusUnavailable
from events.management import bundled_bus, processes
from events.management.commands.runworkers import BEYOND_DRAIN_S, DRAIN_S, EXIT_CODES
from events.management.first_start import ADMIN, bring_up_to_date, only_one, port_is_free
from events.management.static_collection import collect_when_changed
from events.supervisor import Child, ChildFailed, Supervisor

ANSWER_WITHIN_S = 1.0


class Command(BaseCommand):
    """`manage.py up`; `make up` is this after an installation."""

    help = "Run the console with everything it needs, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Nothing: the environment says it all (see .env.example)."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, start, watch, stop."""
        os.chdir(settings.BASE_DIR)
        with only_one(settings.DATA_DIR):
            port_is_free(settings.HOST, settings.PORT)
            try:
                self.run_all()
            except (bundled_bus.NoBundledServer, ChildFailed, BusUnavailable) as problem:
                raise CommandError(str(problem)) from problem
        self.say("everything has stopped")

    def run_all(self) -> None:
        """Everything between the first child's start and the last one's end."""
        # In reverse this is the order in which they stop.
        bus = [] if settings.REDIS_URL_IS_GIVEN else [bus_child()]
        parts = list(console_children())
        with Supervisor([*bus, *parts], report=self.say) as supervisor:
            if bus:
                supervisor.start("bus")
                supervisor.wait_ready("bus")
                self.say("bus server ready")
            password = self.prepare()
            supervisor.start(*(child.name for child in parts))
            supervisor.watch(on_ready=lambda: self.announce(password))
            self.say("stopping")

    def prepare(self) -> str:
        """Everything that must be there before the first child asks for it; words of a password."""
        password = bring_up_to_date(self.say)
        if collect_when_changed():
            self.say("static files collected")
        connections.close_all()
        return password

    def announce(self, password: str) -> None:
        """Tell where it is, once it answers."""
        self.say("web ready, workers and scheduler started")
        self.say("")
        self.say(f"  Astra Console   {address()}/")
        self.say(f"  user            {ADMIN}")
        self.say(f"  password        {password}")
        self.say("")
        self.say("Ctrl-C stops everything.")

    def say(self, line: str) -> None:
        """One line at once; a terminal that went away is no reason to leave children behind."""
        with suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()


def reachable_host() -> str:
    """The host under which this machine reaches the web process."""
    host: str = settings.HOST
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound


def address() -> str:
    """Where a browser on this machine finds the console."""
    host = reachable_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def health_answers() -> bool:
    """Whether the web process says that the console works."""
    client = HTTPConnection(reachable_host(), settings.PORT, timeout=ANSWER_WITHIN_S)
    with closing(client):
        try:
            client.request("GET", "/health")
            return client.getresponse().status == 200
        except (HTTPException, OSError):
            return False


def bus_child() -> Child:
    """The bundled bus server; CommandError when one already listens there."""
    folder, listen = settings.DATA_DIR / "bus", settings.BUS_SOCKET
    bundled_bus.prepare(folder, listen)
    if bundled_bus.answers(listen):
        raise CommandError(f"A bus server already listens on {listen}: stop it first.")
    return Child(
        "bus",
        bundled_bus.server_argv(bundled_bus.program(), folder, listen),
        log=fresh_log("bus"),
        ready=lambda: bundled_bus.answers(listen),
    )


def console_children() -> Iterator[Child]:
    """Scheduler, workers, web and simulator, in the order of their start."""
    yield child("scheduler", processes.scheduler())
    workers = child("workers", processes.workers(), grace_s=DRAIN_S + BEYOND_DRAIN_S)
    yield replace(workers, exit_codes=EXIT_CODES)
    web = processes.web(settings.HOST, settings.PORT)
    yield replace(child("web", web), ready=health_answers)
    if settings.SIMULATE > 0:
        yield child("simulator", processes.simulator(settings.SIMULATE))


def child(name: str, command: tuple[str, ...], grace_s: float = 10.0) -> Child:
    """A child of the console with the defaults that only `up` has."""
    return Child(
        name,
        with_our_python(command),
        env=settings.UP_DEFAULTS,
        grace_s=grace_s,
        log=fresh_log(name),
    )


def with_our_python(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with this interpreter, and manage.py by its whole path."""
    whole = {processes.PYTHON: sys.executable, "manage.py": str(settings.BASE_DIR / "manage.py")}
    return tuple(whole.get(part, part) for part in command)


def fresh_log(name: str) -> Path:
    """An empty log; the last run's is kept beside it."""
    path: Path = settings.DATA_DIR / "log" / f"{name}.log"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    return path
