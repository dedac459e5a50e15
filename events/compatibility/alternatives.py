"""A schema without references and unions: the plain kinds of value that it admits.

``{"anyOf": [{"$ref": "#/$defs/Leg"}, {"type": "null"}], "minProperties": 1}`` admits an object as
Leg has it and with at least one property, or null. A keyword that stands beside a union or a
reference is asked for as well as what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

from events.compatibility.payload_schema import EDITION
from events.compatibility.references import BY_NAME, REMARKS, Schema, spelled_out, target

Plain = dict[str, Any]
Side = Schema | bool
"""A schema, or true and false for what admits anything and nothing."""

ANY = "any"
"""The kind of a schema that names none."""

REFERRED = "$ref"
"""In a plain schema: the name of the definition that it is of."""

VALUES = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
"""Bounds of the value itself: a number, or a date in a keyword of ours."""

LOWEST = ("minLength", "minItems", "minProperties")
HIGHEST = ("maxLength", "maxItems", "maxProperties", "x-max-digits", "x-decimal-places")

SCHEMAS = {"items", "additionalProperties", "propertyNames", "contentSchema", "x-keys"}
"""Keywords whose value is a schema."""

LISTED = {"type", "enum", "required", "prefixItems", "multipleOf", "uniqueItems", REFERRED}

JUDGED = {*VALUES, *LOWEST, *HIGHEST, *SCHEMAS, *BY_NAME, *LISTED}
"""Keywords of which one can say whether they admit less now; of others only that they changed."""

COMPOUND = {"$ref", "allOf", "anyOf", "oneOf"}

SPELLED = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "max_digits": "x-max-digits",
    "decimal_places": "x-decimal-places",
    "x-ge": "minimum",
    "x-gt": "exclusiveMinimum",
    "x-le": "maximum",
    "x-lt": "exclusiveMaximum",
}
"""Words that pydantic writes as they are where it checks a bound on a union or after a function,
and our own, by the keyword that means the same."""

TOLD = {
    *("x-now-op", "x-tz-constraint", "x-allowed-schemes", "x-host-required", "x-decimal"),
    *("x-strict", "x-keys", "x-then", "x-pattern-flags"),
    *("x-strip-whitespace", "x-to-lower", "x-to-upper", "x-max-digits", "x-decimal-places"),
}
"""The ``x-`` keywords that are demands; others are remarks."""

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
"""Kinds of the literals that JSON has."""


class Several(tuple[Any, ...]):
    """What a keyword asks for in several places at once, all of which holds."""

    __slots__ = ()


def alternatives(schema: Side, root: Schema, edition: int = EDITION) -> list[Plain]:
    """The plain schemas any of which a value may satisfy, each with its kind as ``type``. None of
    them has a reference, a union or a remark at its top; below it they stand as they were.

    Keywords that this edition of `payload_schema` did not tell are left out.
    """
    return _alternatives(schema, root, edition, frozenset())


def each(value: Any) -> tuple[Any, ...]:
    """What a keyword asks for, one by one."""
    return value if isinstance(value, Several) else (value,)


def written(value: Any) -> str:
    """A JSON value as text, the same for equal ones: to Python True is 1."""
    return json.dumps(value, sort_keys=True, default=str)


def _alternatives(schema: Side, root: Schema, edition: int, met: frozenset[str]) -> list[Plain]:
    if isinstance(schema, bool):
        return [{"type": ANY}] if schema else []
    found = _typed(_plain(schema, root, edition))
    if "$ref" in schema:
        found = _both(found, _referred(schema["$ref"], root, edition, met))
    for part in schema.get("allOf", ()):
        found = _both(found, _alternatives(part, root, edition, met))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            options = (_alternatives(option, root, edition, met) for option in schema[union])
            found = _both(found, [one for option in options for one in option])
    return found


def _referred(name: str, root: Schema, edition: int, met: frozenset[str]) -> list[Plain]:
    if name in met:
        return []  # what holds itself without anything between, as `X = X | None`, adds nothing
    found = _alternatives(target(name, root), root, edition, met | {name})
    return [{REFERRED: name.rpartition("/")[2], **one} for one in found]


def _plain(schema: Schema, root: Schema, edition: int) -> Plain:
    """What a schema asks for by itself, each keyword in the form in which it can be compared."""
    found: Plain = {}
    for keyword, value in schema.items():
        told = SPELLED.get(keyword, keyword)
        if keyword in COMPOUND or keyword in REMARKS:
            continue
        if keyword.startswith("x-") and (edition < EDITION or {keyword, told}.isdisjoint(KNOWN)):
            continue
        asked = _asked(told, value, root)
        found[told] = _joined(told, found[told], asked) if told in found else asked
    return found


KNOWN = TOLD | SPELLED.keys()


def _asked(keyword: str, value: Any, root: Schema) -> Any:
    if keyword in VALUES or keyword == "multipleOf":
        return _magnitude(value)
    if keyword == "discriminator":
        return value.get("propertyName")  # the rest names definitions
    return value if keyword in JUDGED else spelled_out(value, root)


def _magnitude(value: Any) -> Decimal | datetime | time | str:
    """A bound as it is written in a schema: a number, an instant, a time of day."""
    text = str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        for read in (_instant, time.fromisoformat):
            with suppress(ValueError):
                return read(text)
        return text
    return text if number.is_nan() else number  # which is neither more nor less than anything


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _typed(plain: Plain) -> list[Plain]:
    """A schema once for each type that it names or has literals of."""
    if "const" in plain:
        plain["enum"] = [plain.pop("const")]
    if "enum" not in plain:
        types = plain.get("type", ANY)
        return [{**plain, "type": one} for one in ([types] if isinstance(types, str) else types)]
    literals: dict[str, list[Any]] = {}
    for one in plain["enum"]:
        literals.setdefault(TYPES.get(type(one), ANY), []).append(one)
    return [{**plain, "type": kind, "enum": listed} for kind, listed in literals.items()]


def _both(some: list[Plain], others: list[Plain]) -> list[Plain]:
    """What satisfies one of each."""
    return [
        {**one, **other, **{k: _joined(k, one[k], other[k]) for k in one if k in other}}
        for one in some
        for other in others
        if _common(one["type"], other["type"]) is not None
    ]


def _common(kind: str, other: str) -> str | None:
    """The kind of what is of both kinds."""
    if kind == other or other == ANY:
        return kind
    if kind == ANY:
        return other
    return "integer" if {kind, other} == {"integer", "number"} else None


def _joined(keyword: str, one: Any, other: Any) -> Any:
    """What a keyword asks for that stands in two places."""
    if one == other or keyword == REFERRED:
        return one
    if keyword in VALUES or keyword in LOWEST or keyword in HIGHEST:
        return _tighter(keyword, one, other)
    if keyword in SCHEMAS:
        return _all_of(one, other)
    if keyword in BY_NAME:
        names = {**one, **other}
        return {name: _all_of(one.get(name, True), other.get(name, True)) for name in names}
    join = JOINED.get(keyword)
    if join is not None:
        return join(one, other)
    return Several({written(asked): asked for asked in (*each(one), *each(other))}.values())


def _tighter(keyword: str, one: Any, other: Any) -> Any:
    if type(one) is not type(other):
        return one  # a number and a date: nobody can say, and nothing would satisfy both
    lower = keyword in LOWEST or keyword.lower().endswith("minimum")
    return max(one, other) if lower else min(one, other)


def _all_of(*schemas: Side) -> Side:
    parts = {written(one): one for one in schemas if one is not True}
    return {"allOf": list(parts.values())} if parts else True


def _common_literals(some: list[Any], others: list[Any]) -> list[Any]:
    known = set(map(written, others))
    return [literal for literal in some if written(literal) in known]


JOINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "type": _common,
    "enum": _common_literals,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "prefixItems": lambda one, other: [
        _all_of(*pair) for pair in zip_longest(one, other, fillvalue=True)
    ],
    "uniqueItems": lambda one, other: one or other,
}
"""How two lists of demands become one."""
