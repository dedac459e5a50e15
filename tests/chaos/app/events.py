from __future__ import annotations

from typing import Literal

from events import Payload, event_type

Poison = Literal["", "raise", "exit", "abort", "hang"]


@event_type("Chaos.ThingAsked", entity="number", owner="tests", example={"number": 1, "poison": ""})
class ThingAsked(Payload):
    """A client wants something done."""

    number: int
    poison: Poison = ""


@event_type("Chaos.ThingDone", entity="number", owner="tests", example={"number": 1})
class ThingDone(Payload):
    """A handler has done it."""

    number: int
