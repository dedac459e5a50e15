"""What traffic is made of: steps, drawn by chance and performed one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

MARK = {"synthetic": True}
"""Metadata of every event of the simulator; what follows from it inherits the mark."""


@dataclass(frozen=True, slots=True)
class Step:
    """One use of a service: `act` uses it, and returns what the service returned."""

    kind: str
    act: Callable[[], Any]


Steps = Generator[Step, Any, None]
"""Gives steps; is sent what a step came to, None when it was refused or found nothing to do."""

Activities = Sequence[tuple[float, Callable[[], Steps]]]
"""What may happen after a trade, each with its chance."""


def whatever_happens(random: Random, activities: Activities) -> Steps:
    """The steps of every activity whose chance came up."""
    for chance, activity in activities:
        if random.random() < chance:
            yield from activity()
