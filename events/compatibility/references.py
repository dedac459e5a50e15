"""Where the references of a schema lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

BY_NAME = {"properties", "patternProperties"}
"""Keywords whose value is a schema for each of several names."""

REMARKS = {
    *("title", "description", "examples", "default", "deprecated"),
    *("$schema", "$id", "$defs", "$comment", "readOnly", "writeOnly"),
}
"""Keywords that ask for nothing."""


def target(name: str, root: Schema) -> Schema:
    """The definition that a reference means: those of pydantic lead to ``#/$defs/Name``."""
    found: Schema = root.get("$defs", {}).get(name.rpartition("/")[2], {})
    return found


def opened(schema: Schema) -> Schema:
    """The schema of a model with its fields at the top: that of a model which holds itself has them
    in a definition."""
    return target(schema["$ref"], schema) if "$ref" in schema else schema


def spelled_out(value: Any, root: Schema, met: frozenset[str] = frozenset()) -> Any:
    """A part of a schema with what it refers to in place of the reference, and without remarks; a
    definition that holds itself stays a reference in itself."""
    if isinstance(value, list):
        return [spelled_out(one, root, met) for one in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("$ref")
    if isinstance(name, str):
        if name in met:
            return name
        own = {keyword: found for keyword, found in value.items() if keyword != "$ref"}
        return spelled_out({**target(name, root), **own}, root, met | {name})
    return {
        keyword: {name: spelled_out(one, root, met) for name, one in found.items()}
        if keyword in BY_NAME
        else spelled_out(found, root, met)
        for keyword, found in value.items()
        if keyword not in REMARKS
    }
