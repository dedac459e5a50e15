"""Two schemas held against each other, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from events.compatibility.alternatives import ANY, Plain, Side, alternatives, written
from events.compatibility.counterparts import (
    admits_anything,
    counterparts,
    kind_name,
    kind_names,
    stands_in,
)
from events.compatibility.demands import compared_demands
from events.compatibility.difference import BACKWARD, FORWARD, NEITHER, Breaks, Difference
from events.compatibility.references import Schema


def differences(old: Schema, new: Schema) -> tuple[Difference, ...]:
    """Everything that differs between the schemas of two payloads, in the order of the fields.

    What `payload_schema` tells and JSON Schema does not is compared where both tell it.
    """
    edition = min(int(one.get("x-edition", 1)) for one in (old, new))
    return tuple(dict.fromkeys(_compared("", old, new, _Roots(old, new, edition), set())))


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where the references of each schema lead, and which of our keywords both have."""

    old: Schema
    new: Schema
    edition: int


Seen = set[tuple[str, str]]
"""Kinds that were compared below a field of the payload. Two with references are so there once: a
model that holds itself would be compared for ever, and several that hold each other in every order
there is."""


def _compared(path: str, old: Side, new: Side, roots: _Roots, seen: Seen) -> Iterator[Difference]:
    was = alternatives(old, roots.old, roots.edition)
    now = alternatives(new, roots.new, roots.edition)
    if any(map(admits_anything, (*was, *now))):
        yield from _opened(path, was, now)
    else:
        yield from _compared_kinds(path, was, now, roots, seen)
    before, after = (one.get("default") if isinstance(one, Mapping) else None for one in (old, new))
    if written(before) != written(after):
        told = ("has no value" if one is None else f"is {one!r}" for one in (after, before))
        yield Difference(path, "{} when absent, before it {}".format(*told), NEITHER)


def _opened(path: str, was: list[Plain], now: list[Plain]) -> Iterator[Difference]:
    """What admits anything, or did."""
    if not any(map(admits_anything, now)):
        yield Difference(path, f"must be {kind_names(now)}, it could be anything", BACKWARD)
    if not any(map(admits_anything, was)):
        yield Difference(path, f"may be anything, it was {kind_names(was)}", FORWARD)


def _compared_kinds(
    path: str, was: list[Plain], now: list[Plain], roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    """What each kind of value became. What another kind admits as well is not lost."""
    lost = [i for i, kind in enumerate(was) if not stands_in(kind, now, BACKWARD)]
    gained = [j for j, kind in enumerate(now) if not stands_in(kind, was, FORWARD)]
    pairs = counterparts(was, now)
    for i, j in pairs:
        counts: Breaks = (BACKWARD if i in lost else NEITHER) | (
            FORWARD if j in gained else NEITHER
        )
        for found in _alike(path, was[i], now[j], roots, seen):
            if not found.breaks or found.breaks & counts:
                yield replace(found, breaks=found.breaks & counts)
    for i in sorted(set(lost) - {i for i, _ in pairs}):
        yield Difference(path, f"may no longer be {kind_name(was[i])}", BACKWARD)
    for j in sorted(set(gained) - {j for _, j in pairs}):
        yield Difference(path, f"may also be {kind_name(now[j])}", FORWARD)


def _alike(path: str, old: Plain, new: Plain, roots: _Roots, seen: Seen) -> Iterator[Difference]:
    """What differs in two kinds of which one became the other."""
    pair = written(old), written(new)
    if all('"$ref"' in one for one in pair):
        if pair in seen:
            return
        seen.add(pair)
    yield from compared_demands(path, old, new)
    if old["type"] != new["type"]:
        return
    if old["type"] in ("array", ANY):
        yield from _compared_items(path, old, new, roots, seen)
    if old["type"] in ("object", ANY):
        yield from _compared_properties(path, old, new, roots, seen)
    if old["type"] in ("string", ANY):
        was, now = (one.get("contentSchema", True) for one in (old, new))
        yield from _compared(path, was, now, roots, seen)


def _compared_items(
    path: str, old: Plain, new: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    """The members of a list: some have a schema by their position, the rest have one for all."""
    positions = max(len(one.get("prefixItems", ())) for one in (old, new))
    for position in range(positions + 1):
        was, now = _item(old, position), _item(new, position)
        if was is not None and now is not None:
            shown = f"{path}[{position}]" if position < positions else f"{path}[]"
            yield from _compared(shown, was, now, roots, seen)


def _item(schema: Plain, position: int) -> Side | None:
    """What a member may be; None where there can be none, which the bound of their number tells."""
    if position >= schema.get("maxItems", position + 1):
        return None
    listed = schema.get("prefixItems", ())
    found: Side = listed[position] if position < len(listed) else schema.get("items", True)
    return found


def _compared_properties(
    path: str, old: Plain, new: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    was, now = old.get("properties", {}), new.get("properties", {})
    needed_before, needed = (dict.fromkeys(one.get("required", ())) for one in (old, new))
    for name in {**was, **now, **needed_before, **needed}:
        field = f"{path}.{name}" if path else name
        below = seen if path else set(seen)
        if name in was and name not in now:
            yield from _removed(field, was[name], name in needed_before, new, roots, below)
        elif name in now and name not in was:
            yield from _added(field, now[name], name in needed, old, roots, below)
        else:
            if (name in needed) != (name in needed_before):
                told = "is required, it was optional" if name in needed else "is optional now"
                yield Difference(field, told, BACKWARD if name in needed else FORWARD)
            yield from _compared(field, was.get(name, True), now.get(name, True), roots, below)
    yield from _compared_rest(path, old, new, roots, seen)
    yield from _compared_keys(path, old, new, roots, seen)


def _removed(
    field: str, was: Side, needed: bool, new: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    rest = _rest(new)
    breaks = (BACKWARD if rest is False else NEITHER) | (FORWARD if needed else NEITHER)
    yield Difference(field, "was removed", breaks)
    if rest is not None and rest is not False:
        yield from _compared(field, was, rest, roots, seen)


def _added(
    field: str, now: Side, needed: bool, old: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    rest = _rest(old)
    breaks = (FORWARD if rest is False else NEITHER) | (BACKWARD if needed else NEITHER)
    yield Difference(field, "was added, and is required" if needed else "was added", breaks)
    if rest is not None and rest is not False:
        yield from _compared(field, rest, now, roots, seen)


def _rest(schema: Plain) -> Side | None:
    """What fields nobody declared may be; None where they are passed over, and never written."""
    if "additionalProperties" in schema:
        found: Side = schema["additionalProperties"]
        return found
    patterns = schema.get("patternProperties")
    return {"anyOf": list(patterns.values())} if patterns else None


def _compared_rest(
    path: str, old: Plain, new: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    was, now = _rest(old), _rest(new)
    if (was is False) != (now is False):
        closed = now is False
        told = "refuses fields nobody declared" if closed else "admits fields nobody declared"
        yield Difference(path, told, BACKWARD if closed else FORWARD)
    elif was is not False and now is not False:
        open_was, open_now = (True if one is None else one for one in (was, now))
        yield from _compared(f"{path}.*".lstrip("."), open_was, open_now, roots, seen)


def _compared_keys(
    path: str, old: Plain, new: Plain, roots: _Roots, seen: Seen
) -> Iterator[Difference]:
    for told in (_keys, _keys_before_json):
        for found in _compared(path, told(old), told(new), roots, seen):
            yield replace(found, what=f"its keys: {found.what}")


def _keys(schema: Plain) -> Schema:
    """What JSON Schema tells of the names that a table may have."""
    patterns = [{"pattern": one} for one in schema.get("patternProperties", ())]
    listed = {"anyOf": patterns} if patterns and "additionalProperties" not in schema else True
    return {"allOf": [{"type": "string"}, schema.get("propertyNames", True), listed]}


def _keys_before_json(schema: Plain) -> Schema:
    """What pydantic makes of them, who reads numbers and dates in them."""
    found: Schema = schema.get("x-keys", {"type": "string"})
    return found
