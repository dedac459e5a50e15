"""What a group's events come to in one transaction, or why they come to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from events.envelope import Event
from events.failures import describe
from events.groups import Handler
from events.tasks import Task
from events.transport.base import Delivery, Handled, Settlement

if TYPE_CHECKING:
    from events.execution import Execution


@dataclass(frozen=True, slots=True)
class Unfit:
    """A delivery that is not to be run."""

    delivery: Delivery
    event: Event | None
    """None when the bytes could not be read as an event."""
    kind: str
    """The kind of its dead letter."""
    error: Exception


@dataclass(frozen=True, slots=True)
class Unit:
    """What one transaction has done for a group."""

    execution: Execution
    tasks: Sequence[Task]
    said: Sequence[tuple[Event, bytes]]
    """The events that follow, valid, with their bytes."""
    took_s: float

    @property
    def fresh(self) -> list[Task]:
        """Tasks that were handled now; the others had been before."""
        return [task for task in self.tasks if task.fresh]

    @property
    def settlements(self) -> list[Settlement]:
        return [Handled(task.delivery) for task in self.tasks]


class UnitFailed(Exception):
    """A handler raised, or what it wrote was refused: the transaction must be rolled back."""

    def __init__(self, handler: Handler | None, error: BaseException) -> None:
        super().__init__(*describe(error))
        self.handler = handler
        """None when it was the database that refused."""
        self.error = error


class Contention(Exception):
    """SQL was locked, deadlocked or away: repeat the work, nothing is held against it."""


class Poison(Exception):
    """An entry that kills the worker which handles it."""
