"""Which kind of value of a union became which: their order says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from events.compatibility.alternatives import ANY, REFERRED, SCHEMAS, Plain, written
from events.compatibility.demands import compared_demands
from events.compatibility.difference import BACKWARD, Breaks
from events.compatibility.references import BY_NAME

FAR = 9
"""Distance of kinds of which one is a kind of the other."""

HOLDING = {*SCHEMAS, *BY_NAME, "required", "prefixItems"}
"""Keywords about what a value holds."""


def counterparts(was: list[Plain], now: list[Plain]) -> list[tuple[int, int]]:
    """Pairs of places, in the order of before; the nearest to each other are paired first."""
    distances = sorted(
        (distance, i, j)
        for i, old in enumerate(was)
        for j, new in enumerate(now)
        if (distance := _distance(old, new)) is not None
    )
    found: dict[int, int] = {}
    for _, i, j in distances:
        if i not in found and j not in found.values():
            found[i] = j
    return sorted(found.items())


def stands_in(kind: Plain, others: Iterable[Plain], breaks: Breaks) -> bool:
    """Whether one of the other schema's kinds admits all of a kind that holds nothing: of the new
    one for `breaks` backward, of the old one for forward."""
    for other in others:
        if _distance(kind, other) is None or _holds(kind) or _holds(other):
            continue
        old, new = (kind, other) if breaks == BACKWARD else (other, kind)
        if not any(found.breaks & breaks for found in compared_demands("", old, new)):
            return True
    return False


def _holds(kind: Plain) -> bool:
    return not HOLDING.isdisjoint(kind)


def admits_anything(kind: Plain) -> bool:
    return kind["type"] == ANY and kind.keys() <= {"type", REFERRED}


def kind_name(kind: Plain) -> str:
    """``string``, ``object Leg``."""
    named = kind["type"] == "object" and REFERRED in kind
    return f"object {kind[REFERRED]}" if named else str(kind["type"])


def kind_names(kinds: Iterable[Plain]) -> str:
    """``string or null``."""
    return " or ".join(dict.fromkeys(map(kind_name, kinds))) or "nothing"


def _distance(old: Plain, new: Plain) -> int | None:
    """How far two kinds are from being the same; None when they have nothing in common."""
    if old["type"] != new["type"]:
        kinds = {old["type"], new["type"]}
        return FAR if kinds <= {"integer", "number"} or ANY in kinds else None
    if old == new:
        return 0
    other_tags, other_name = _tags(old) != _tags(new), old.get(REFERRED) != new.get(REFERRED)
    return 1 + 2 * other_tags + other_name


def _tags(kind: Plain) -> Mapping[str, str]:
    """The fields that can have one value only, by which the objects of a union are told apart."""
    return {
        field: written(schema["const"])
        for field, schema in kind.get("properties", {}).items()
        if isinstance(schema, Mapping) and "const" in schema
    }
