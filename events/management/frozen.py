"""What a command has frozen as the draft of an operation: looked at, asked about, begun."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from django.core.management.base import CommandError

from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.awaiting import loaded
from events.management.output import when
from events.models import Operation
from events.operations import DECISIONS, Manner, begin, to_type, withdraw
from events.queries.operation_plan import OperationPlan, plan_of
from events.queries.operations import OperationView
from events.queries.words import duration, plural

TO: dict[str, str] = {
    "replay": "to {group}, and to no other group",
    "history": "to {group}, and to no other group",
    "shadow": "in {group}, committing nothing",
    "republish": "to everyone who reads them, as new events",
}
"""By kind of the operation, where its set goes; that of dead letters is of a group."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with what was frozen, and how."""

    verb: str
    reason: str
    manner: Manner
    dry_run: bool = False
    yes: bool = False
    """Nobody is asked."""
    typed: str = ""
    """What `operations.to_type` asks for, where nobody is asked."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a frozen set is and what beginning it would do."""

    operation: OperationView
    plan: OperationPlan | None
    """Not of a decision: nothing is run."""

    @classmethod
    def at(cls, draft: Operation) -> Self:
        """At a draft as it stands."""
        return cls(loaded(draft.pk), None if draft.kind in DECISIONS else plan_of(draft.pk))

    @property
    def to_type(self) -> str:
        """What has to be typed to begin; empty where nothing."""
        view = self.operation
        return to_type(view.mode, view.group, view.total)

    def lines(self) -> list[str]:
        """In sentences."""
        view, plan = self.operation, self.plan
        newer = f"; {view.not_included:,} newer not included" if view.not_included else ""
        what = plural(view.total, "stored event" if view.mode else "dead letter")
        where = TO.get(view.kind, "of {group}").format(group=view.group or "several groups")
        told = [f"{view.mode or view.kind} {what} {where}, as of {when(view.as_of)} UTC{newer}"]
        if plan and view.kind != "republish":
            told.append(f"handlers: {', '.join(one.name for one in plan.handlers) or 'none'}")
            told.append(f"already handled by the group: {plan.already_handled:,}")
        if plan and plan.readers:
            told.append(f"read by: {', '.join(plan.readers)}")
        if plan and plan.lasts_s is not None:
            told.append(f"about {duration(plan.lasts_s)} for one worker")
        if plan and plan.external:
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
        mode = {"mode": view.mode} if view.mode else {}
        return {**told, **mode, **(asdict(self.plan) if self.plan else {})}


def go(look: Look, wish: Wish) -> Operation:
    """Begin what was frozen; it is thrown away where that is refused."""
    try:
        return begin(at_the_shell(), look.operation.id, wish.reason, wish.manner, wish.typed)
    except Refused as refused:
        forget(look)
        raise CommandError(str(refused), returncode=1) from refused


def forget(look: Look) -> None:
    """Throw the draft away."""
    withdraw(at_the_shell(), look.operation.id)


def agreed(look: Look, wish: Wish) -> Wish | None:
    """The wish if it may begin: somebody at a terminal is asked, and types what is asked for; a
    program has to say --yes, and gives what is to be typed."""
    if wish.yes:
        return wish
    if not sys.stdin.isatty():
        forget(look)
        raise CommandError(
            f"This would {look.lines()[0]}. Nobody is here to be asked: add --yes, or --dry-run to"
            " look only.",
            returncode=1,
        )
    if look.to_type:
        typed = input(f"It cannot be undone. Type {look.to_type} to begin: ")
        return replace(wish, typed=typed) if typed.strip() else None
    answer = input(f"{wish.verb.capitalize()} {look.operation.total:,}? [y/N] ")
    return wish if answer.lower() == "y" else None
