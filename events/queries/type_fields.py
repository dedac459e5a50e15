"""The fields of a payload in words, as the registry pages and the Markdown show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from pydantic.fields import FieldInfo

from events.compatibility import opened
from events.registry import EventType


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload."""

    name: str
    type: str
    required: bool
    constraints: tuple[str, ...]
    mark: str
    """personal, secret or empty."""
    description: str
    entity: bool
    """It is the entity id."""


def fields_of(entry: EventType) -> Iterator[Field]:
    """The fields of the payload model, from the JSON schema pydantic makes of it."""
    schema = opened(entry.payload.model_json_schema(mode="serialization"))
    required = set(opened(entry.payload.model_json_schema()).get("required", ()))
    marks = dict.fromkeys(entry.personal, "personal") | dict.fromkeys(entry.secret, "secret")
    for name, model in entry.payload.model_fields.items():
        wire = schema["properties"].get(name, {})
        options = [option for option in wire.get("anyOf", [wire]) if option != NOTHING]
        decimal = _mentions(model.annotation, Decimal)
        yield Field(
            name=name,
            type="decimal in a string" if decimal else " or ".join(map(_type, options)),
            required=name in required,
            constraints=tuple(_constraints(options, model, name in required, decimal)),
            mark=marks.get(name, ""),
            description=_described(model, options),
            entity=name == entry.entity_field,
        )


NOTHING = {"type": "null"}
"""How the schema says that a field may be absent; `required` says it already."""

NAMED_FORMATS = {"ipvanyaddress": "IP address", "date-time": "date and time", "uuid": "UUID"}


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(part, kind) for part in get_args(annotation))


def _described(model: FieldInfo, options: Sequence[Mapping[str, Any]]) -> str:
    """Its own description, or that of the only type it may have."""
    return model.description or next((o["description"] for o in options if "description" in o), "")


def _type(wire: Mapping[str, Any]) -> str:
    """``integer``, ``date``, ``list of string``."""
    if "enum" in wire or "const" in wire:
        return "one of"
    if wire.get("type") == "array":
        return f"list of {_type(wire.get('items', {}))}"
    name = str(wire.get("format") or wire.get("type") or "any")
    return NAMED_FORMATS.get(name, name)


WORDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}
"""Keywords of the JSON schema in words."""

BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
"""Bounds of a decimal, which the JSON schema of a string does not show."""

WORTH_SAYING = 2**53
"""Larger bounds are those of the column, not of the matter."""


def _constraints(
    options: Sequence[Mapping[str, Any]], model: FieldInfo, required: bool, decimal: bool
) -> Iterator[str]:
    for option in options:
        yield from _option_constraints(option)
    for limit in model.metadata if decimal else ():
        found = ((text, getattr(limit, bound, None)) for bound, text in BOUNDS.items())
        yield from (text.format(value) for text, value in found if value is not None)
    if not required and model.default is not None:
        yield f"{model.default} when absent"


def _option_constraints(option: Mapping[str, Any]) -> Iterator[str]:
    listed = option.get("items", option)
    if "enum" in listed:
        yield ", ".join(map(str, listed["enum"]))
    if "const" in listed:
        yield str(listed["const"])
    for keyword, text in WORDS.items():
        if keyword in option and abs(option[keyword]) < WORTH_SAYING:
            yield text.format(option[keyword])
