"""The JSON schema of a payload model, with what pydantic demands and JSON Schema has no word for in
``x-`` keywords: how many digits an amount may have, that a time names its zone, what the keys of a
table may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

EDITION = 2
"""Of what a schema tells. The first told no ``x-`` keyword of this module, so that a schema of it
says neither that there was such a demand nor that there was none."""

BOUNDS = ("ge", "gt", "le", "lt")
TEMPORAL = (*BOUNDS, "now_op", "tz_constraint")

UNTOLD: Mapping[str, tuple[str, ...]] = {
    "decimal": (*BOUNDS, "max_digits", "decimal_places"),
    "date": TEMPORAL,
    "datetime": TEMPORAL,
    "time": TEMPORAL,
    "timedelta": BOUNDS,
    "url": ("allowed_schemes", "host_required"),
    "multi-host-url": ("allowed_schemes", "host_required"),
}
"""Demands by pydantic's kind of value that its JSON schema leaves out, or rounds to a float."""

CHANGED_FIRST = ("strip_whitespace", "to_lower", "to_upper")
"""What is done to a text before its length and pattern are looked at."""

UNREADABLE_STRICT = {
    *("decimal", "date", "datetime", "time", "timedelta", "uuid", "bytes", "enum"),
    *("set", "frozenset", "tuple"),
}
"""Kinds of value that a strict model refuses in the form that JSON has for them."""


def payload_schema(model: type[BaseModel]) -> dict[str, Any]:
    """What a producer may send as a payload, with all that is known of it."""
    found = model.model_json_schema(mode="validation", schema_generator=_Generator)
    return {**found, "x-edition": EDITION}


class _Generator(GenerateJsonSchema):
    def generate_inner(self, schema: Any) -> dict[str, Any]:
        found = super().generate_inner(schema)
        return {**found, **dict(self._untold(schema))}

    def _untold(self, schema: Any) -> Iterator[tuple[str, Any]]:
        while schema["type"].startswith("function-") and "schema" in schema:
            schema = schema["schema"]
        kind = schema["type"]
        for name in UNTOLD.get(kind, ()):
            if schema.get(name) is not None:
                yield f"x-{name.replace('_', '-')}", _written(schema[name])
        if kind == "decimal":
            yield "x-decimal", True  # to JSON Schema it is any text
        if kind in UNREADABLE_STRICT and schema.get("strict", self._config.strict):
            yield "x-strict", True
        if "keys_schema" in schema:
            keys = self.generate_inner(schema["keys_schema"])
            if keys not in ({}, {"type": "string"}):
                yield "x-keys", keys
        if kind == "chain":
            yield "x-then", [self.generate_inner(step) for step in schema["steps"][1:]]
        if kind == "str":
            yield from self._untold_of_text(schema)

    def _untold_of_text(self, schema: Any) -> Iterator[tuple[str, Any]]:
        pattern = schema.get("pattern")
        if isinstance(pattern, re.Pattern) and pattern.flags != re.UNICODE:
            yield "x-pattern-flags", int(pattern.flags & ~re.UNICODE)
        if pattern or schema.get("min_length", self._config.str_min_length):
            for name in CHANGED_FIRST:
                if schema.get(name, getattr(self._config, f"str_{name}")):
                    yield f"x-{name.replace('_', '-')}", True


def _written(value: Any) -> Any:
    """A demand as JSON; a duration in seconds, which can be compared."""
    return value.total_seconds() if isinstance(value, timedelta) else to_jsonable_python(value)
