"""What differs between two schemas, and whom that breaks.

The words are those of schema registries (Confluent, "Schema Evolution and Compatibility"):

    backward   who has the new schema reads what was written with the old one
    forward    who has the old schema reads what is written with the new one
    full       both
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Compatibility = Literal["none", "backward", "forward", "full"]
Breaks = frozenset[str]

BACKWARD: Breaks = frozenset({"backward"})
FORWARD: Breaks = frozenset({"forward"})
BOTH = BACKWARD | FORWARD
NEITHER: Breaks = frozenset()

PROMISED: Mapping[str, Breaks] = {
    "none": NEITHER,
    "backward": BACKWARD,
    "forward": FORWARD,
    "full": BOTH,
}
"""What each level of compatibility forbids to break."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    path: str
    """Name of the field, ``legs[].price`` below it; empty for the payload itself."""
    what: str
    """What changed, in words."""
    breaks: Breaks
    """``backward`` and ``forward``, as far as they do not hold any more."""


def broken(found: Difference, promised: str) -> bool:
    """Whether a difference breaks a promise, one of PROMISED."""
    return bool(found.breaks & PROMISED[promised])
