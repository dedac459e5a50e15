"""Waiting for an operation on the command line, with a bar where somebody looks."""

from __future__ import annotations

import sys
import time

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from events.models import Operation
from events.operations import DECISIONS
from events.queries import operations
from events.queries.operations import OperationView

LOOK_EVERY_S = 0.1


def awaited(pk: int, wait_s: float, *, quiet: bool = False) -> OperationView:
    """An operation once it has come to its end, was paused or has stopped, or `wait_s` are over.

    Raises CommandError where there is none.
    """
    deadline = time.monotonic() + wait_s
    view = loaded(pk)
    with _bar(quiet=quiet or not wait_s) as bar:
        task = bar.add_task(f"operation {pk}", total=view.total, completed=view.ended)
        while not _is_over(view) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            view = loaded(pk)
            bar.update(task, completed=view.ended)
    return view


def loaded(pk: int) -> OperationView:
    """An operation as it stands. Raises CommandError where there is none."""
    view = operations.load(pk)
    if view is None:
        raise CommandError(f"There is no operation {pk}.", returncode=1)
    return view


def outcome(view: OperationView) -> str:
    """How far it is, in a sentence."""
    return (
        f"Operation {view.id}: {view.total} {whom(view)}, {view.handled} {view.done_well},"
        f" {view.failed} failed again, {view.waiting} still to come."
    )


def whom(view: OperationView) -> str:
    """``to portfolio``, ``of several groups``, ``to everyone``: who its set goes to, or is of."""
    of = "of" if view.kind in DECISIONS else "to"
    nobody = "everyone" if view.kind == "republish" else "several groups"
    return f"{of} {view.group or nobody}"


def _is_over(view: OperationView) -> bool:
    return view.done or view.state != Operation.State.RUNNING


def _bar(*, quiet: bool) -> Progress:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
