"""Dead letters that a command chooses by search: looked at, frozen, asked about."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandError

from events.envelope import now
from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.awaiting import loaded
from events.management.output import when
from events.models import Operation
from events.operations import (
    DECISIONS,
    Manner,
    begin,
    propose_decision,
    propose_replay,
    withdraw,
)
from events.queries.letter_filter import LetterFilter
from events.queries.letter_search import SearchError, narrowed, parse
from events.queries.operation_plan import OperationPlan, plan_of
from events.queries.operations import OperationView
from events.queries.words import duration, plural


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with everything that matches, and how."""

    verb: str
    chosen: LetterFilter
    reason: str
    manner: Manner
    dry_run: bool = False
    yes: bool = False
    """Nobody is asked."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a frozen set is and what beginning it would do."""

    operation: OperationView
    plan: OperationPlan | None
    """Only of a replay."""

    def lines(self) -> list[str]:
        """In sentences."""
        view, plan = self.operation, self.plan
        of = view.group or "several groups"
        newer = f"; {view.not_included:,} newer not included" if view.not_included else ""
        where = f"to {of}, and to no other group" if plan else f"of {of}"
        told = [
            f"{view.kind} {plural(view.total, 'dead letter')} {where},"
            f" as of {when(view.as_of)} UTC{newer}"
        ]
        if plan:
            told.append(f"handlers: {', '.join(one.name for one in plan.handlers) or 'none'}")
            told.append(f"already handled by the group: {plan.already_handled:,}")
            if plan.lasts_s is not None:
                told.append(f"about {duration(plan.lasts_s)} for one worker")
            if plan.external:
                told.append("a handler calls the outside world, and will do so again")
        return told

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        view = self.operation
        told: dict[str, Any] = {
            "verb": view.kind,
            "total": view.total,
            "group": view.group,
            "as_of": view.as_of,
            "not_included": view.not_included,
            "search": view.asked,
        }
        return {**told, **(asdict(self.plan) if self.plan else {})}


def chosen_of(text: str, group: str = "") -> LetterFilter:
    """The filter of ``--search`` and ``--group``; CommandError with what is wrong in a sentence."""
    try:
        return narrowed(parse(text, now()), group=group)
    except SearchError as error:
        raise CommandError(str(error), returncode=1) from error


def freeze(wish: Wish) -> Look:
    """Freeze what matches as a draft."""
    try:
        if decision := DECISIONS.get(wish.verb):
            draft = propose_decision(at_the_shell(), decision, wish.chosen)
        else:
            draft = propose_replay(at_the_shell(), wish.chosen)
    except Refused as refused:
        raise CommandError(str(refused), returncode=1) from refused
    plan = None if wish.verb in DECISIONS else plan_of(draft.pk)
    return Look(loaded(draft.pk), plan)


def go(look: Look, wish: Wish) -> Operation:
    """Begin what was frozen; it is thrown away where that is refused."""
    try:
        return begin(at_the_shell(), look.operation.id, wish.reason, wish.manner)
    except Refused as refused:
        forget(look)
        raise CommandError(str(refused), returncode=1) from refused


def forget(look: Look) -> None:
    """Throw the draft away."""
    withdraw(at_the_shell(), look.operation.id)


def agreed(look: Look, wish: Wish) -> bool:
    """Whether it may begin: somebody at a terminal is asked, a program has to say --yes."""
    if wish.yes:
        return True
    if not sys.stdin.isatty():
        forget(look)
        raise CommandError(
            f"This would {look.lines()[0]}. Nobody is here to be asked: add --yes, or --dry-run to"
            " look only.",
            returncode=1,
        )
    return input(f"{wish.verb.capitalize()} {look.operation.total:,}? [y/N] ").lower() == "y"
