"""What became of a payload's JSON schema, and whom that breaks.

The words are those of schema registries (Confluent, "Schema Evolution and Compatibility"):

    backward   who has the new schema reads what was written with the old one
    forward    who has the old schema reads what is written with the new one
    full       both

Only what a schema shows is seen: a validator written in Python is not. JSON Schema is that of draft
2020-12 as pydantic writes it; a keyword unknown here counts as broken both ways when it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Compatibility = Literal["none", "backward", "forward", "full"]
Breaks = frozenset[str]
Schema = Mapping[str, Any]

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

LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LITERALS = ("enum", "const")
STRUCTURE = ("type", "anyOf", "oneOf", "$ref", "$defs", "properties", "required", "items")
REMARKS = ("title", "description", "examples", "default", "deprecated", "$schema", "$id")
HANDLED = {*LOWEST, *HIGHEST, *LITERALS, *STRUCTURE, *REMARKS, "additionalProperties"}
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    path: str
    """Name of the field, ``legs[].price`` below it; empty for the payload itself."""
    what: str
    """What changed, in words."""
    breaks: Breaks
    """``backward`` and ``forward``, as far as they do not hold any more."""


def differences(old: Schema, new: Schema) -> tuple[Difference, ...]:
    """Everything that differs between the schemas of two payloads, in the order of the fields."""
    return tuple(_compared("", old, new, _Roots(old, new)))


def broken(found: Difference, promised: str) -> bool:
    """Whether a difference breaks a promise, one of PROMISED."""
    return bool(found.breaks & PROMISED[promised])


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where the references of each schema lead, and which pairs of them are being compared: a model
    that holds itself would be compared for ever."""

    old: Schema
    new: Schema
    under_way: set[tuple[str, str]] = field(default_factory=set)
    objects: set[tuple[int, int]] = field(default_factory=set)
    """The same by the properties of both, where a model is one of several kinds."""


def _compared(path: str, old: Schema, new: Schema, roots: _Roots) -> Iterator[Difference]:
    named = (str(old.get("$ref", "")), str(new.get("$ref", "")))
    if all(named):
        if named in roots.under_way:
            return
        roots.under_way.add(named)
    yield from _values(path, old, new, roots)
    roots.under_way.discard(named)


def _values(path: str, old: Schema, new: Schema, roots: _Roots) -> Iterator[Difference]:
    was, now = _options(old, roots.old), _options(new, roots.new)
    for kind in [kind for kind in was if kind not in now]:
        if not (kind == "integer" and "number" in now):
            yield Difference(path, f"may no longer be {kind}", BACKWARD)
    for kind in [kind for kind in now if kind not in was]:
        if kind == "number" and "integer" in was:
            yield Difference(path, "may be any number, it was an integer", FORWARD)
        elif not (kind == "integer" and "number" in was):
            yield Difference(path, f"may also be {kind}", FORWARD)
    for kind in [kind for kind in was if kind in now]:
        yield from _same_kind(path, was[kind], now[kind], roots)
    if old.get("default") != new.get("default"):
        told = (
            f"is {schema['default']!r}" if schema.get("default") is not None else "has no value"
            for schema in (new, old)
        )
        yield Difference(path, "{} when absent, before it {}".format(*told), NEITHER)


def _options(schema: Schema, root: Schema) -> dict[str, Schema]:
    """The kinds of value a schema admits, each with what it demands of them."""
    schema = _resolved(schema, root)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            found: dict[str, Schema] = {}
            for option in schema[keyword]:
                for kind, wanted in _options(option, root).items():
                    again = sum(other.split(" ")[0] == kind for other in found)
                    found[f"{kind} ({again + 1})" if again else kind] = wanted
            return found
    kinds = schema.get("type") or _kind_of_literals(schema)
    return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)


def _resolved(schema: Schema, root: Schema) -> Schema:
    """A schema without references: those of pydantic lead to ``#/$defs/Name``."""
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        if "$ref" in schema:
            target = root["$defs"][schema["$ref"].rpartition("/")[2]]
        else:
            target = schema["allOf"][0]
        own = {k: v for k, v in schema.items() if k not in ("$ref", "allOf")}
        schema = {**target, **own}
    return schema


def _kind_of_literals(schema: Schema) -> list[str]:
    literals = _literals(schema)
    return list(dict.fromkeys(TYPES.get(type(one), "any") for one in literals)) or ["any"]


def _literals(schema: Schema) -> list[Any]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _same_kind(path: str, old: Schema, new: Schema, roots: _Roots) -> Iterator[Difference]:
    yield from _compared_literals(path, old, new)
    yield from _compared_bounds(path, old, new)
    yield from _compared_others(path, old, new)
    if "items" in old or "items" in new:
        yield from _compared(f"{path}[]", old.get("items", {}), new.get("items", {}), roots)
    if "object" in (old.get("type"), new.get("type")):
        pair = (id(old.get("properties", old)), id(new.get("properties", new)))
        if pair not in roots.objects:
            roots.objects.add(pair)
            yield from _compared_properties(path, old, new, roots)
            roots.objects.discard(pair)


def _compared_literals(path: str, old: Schema, new: Schema) -> Iterator[Difference]:
    was, now = _literals(old), _literals(new)
    if was and now:
        if gone := [str(one) for one in was if one not in now]:
            yield Difference(path, f"may no longer be {', '.join(gone)}", BACKWARD)
        if added := [str(one) for one in now if one not in was]:
            yield Difference(path, f"may also be {', '.join(added)}", FORWARD)
    elif now:
        yield Difference(path, f"must be one of {', '.join(map(str, now))}", BACKWARD)
    elif was:
        yield Difference(path, f"may be anything, not only {', '.join(map(str, was))}", FORWARD)


def _compared_bounds(path: str, old: Schema, new: Schema) -> Iterator[Difference]:
    for keyword in (*LOWEST, *HIGHEST):
        was, now = old.get(keyword), new.get(keyword)
        if was == now:
            continue
        if was is None or now is None:
            narrower = was is None
        else:
            narrower = now > was if keyword in LOWEST else now < was
        told = f"{keyword} is {_told(now)}, it was {_told(was)}"
        yield Difference(path, told, BACKWARD if narrower else FORWARD)


def _compared_others(path: str, old: Schema, new: Schema) -> Iterator[Difference]:
    """Keywords of which nobody can say whether the new value admits less: pattern, format, ..."""
    for keyword in sorted({*old, *new} - HANDLED):
        was, now = old.get(keyword), new.get(keyword)
        if was == now or keyword.startswith("x-"):
            continue
        breaks = BACKWARD if was is None else FORWARD if now is None else BOTH
        yield Difference(path, f"{keyword} is {_told(now)}, it was {_told(was)}", breaks)


def _compared_properties(
    path: str, old: Schema, new: Schema, roots: _Roots
) -> Iterator[Difference]:
    was, now = old.get("properties", {}), new.get("properties", {})
    needed_before, needed = set(old.get("required", ())), set(new.get("required", ()))
    for name in [*was, *(name for name in now if name not in was)]:
        field = f"{path}.{name}" if path else name
        if name not in now:
            breaks = BACKWARD if _is_closed(new) else NEITHER
            yield Difference(
                field, "was removed", breaks | (FORWARD if name in needed_before else NEITHER)
            )
        elif name not in was:
            breaks = FORWARD if _is_closed(old) else NEITHER
            required = name in needed
            told = "was added, and is required" if required else "was added"
            yield Difference(field, told, breaks | (BACKWARD if required else NEITHER))
        else:
            if (name in needed) != (name in needed_before):
                required = name in needed
                told = "is required, it was optional" if required else "is optional now"
                yield Difference(field, told, BACKWARD if required else FORWARD)
            yield from _compared(field, was[name], now[name], roots)
    yield from _compared_rest(path, old, new, roots)


def _compared_rest(path: str, old: Schema, new: Schema, roots: _Roots) -> Iterator[Difference]:
    """What fields nobody declared may be: a schema, or true and false for anything and nothing."""
    was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if was is not False and now is not False:
        open_was = was if isinstance(was, Mapping) else {}
        open_now = now if isinstance(now, Mapping) else {}
        yield from _compared(f"{path}.*", open_was, open_now, roots)
    if _is_closed(old) != _is_closed(new):
        closed = _is_closed(new)
        told = "refuses fields nobody declared" if closed else "admits fields nobody declared"
        yield Difference(path, told, BACKWARD if closed else FORWARD)


def _is_closed(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False


def _told(value: Any) -> str:
    return "not limited" if value is None else str(value)
