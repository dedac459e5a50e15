"""The payload of a type as the fields of a form, and what was sent as a payload."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from events.compatibility import opened
from events.errors import Problem
from events.models import StoredEvent
from events.privacy import hidden
from events.queries.type_fields import NOTHING, Field, fields_of
from events.registry import EventType

Kind = Literal["choice", "number", "text", "json"]


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form."""

    name: str
    kind: Kind
    required: bool
    options: tuple[str, ...]
    value: str
    hint: str
    """What it means and what bounds it, in words."""
    wrong: str = ""
    """Why what was sent was refused."""


def inputs(
    entry: EventType,
    values: Mapping[str, Any],
    problems: Mapping[str, str] | None = None,
    masks: Mapping[str, str] | None = None,
) -> tuple[Input, ...]:
    """A field for each of the payload's, with these values, and what was wrong with them.

    A choice in a field that has one of the `masks` may also be left at it.
    """
    properties = opened(entry.payload.model_json_schema()).get("properties", {})
    told = problems or {}
    return tuple(
        Input(
            name=field.name,
            kind=_kind(properties[field.name]),
            required=field.required,
            options=(
                *((masks[field.name],) if masks and field.name in masks else ()),
                *_options(properties[field.name]),
            ),
            value=_written(values.get(field.name)),
            hint=_hint(field),
            wrong=told.get(field.name, ""),
        )
        for field in fields_of(entry)
    )


def payload(entry: EventType, sent: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What was sent as a payload, and by field why it is none. An empty field is an absent one.

    Only lists and objects are read here, as JSON; the model makes numbers and flags of texts.
    """
    data: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for one in inputs(entry, {}):
        text = sent.get(one.name, "").strip()
        if not text:
            continue
        if one.kind != "json":
            data[one.name] = text
            continue
        try:
            data[one.name] = json.loads(text)
        except (ValueError, RecursionError) as error:
            wrong[one.name] = f"is no JSON: {error}"
    return data, wrong


def by_field(problems: tuple[Problem, ...]) -> dict[str, str]:
    """Problems of an event by the payload field they are about; others under an empty name."""
    told: dict[str, list[str]] = {}
    for problem in problems:
        head, _, rest = problem.field.partition(".")
        name = rest.partition(".")[0] if head == "data" else ""
        told.setdefault(name, []).append(problem.reason)
    return {name: "; ".join(reasons) for name, reasons in told.items()}


def values_of_event(entry: EventType, event_id: UUID) -> dict[str, Any] | None:
    """The payload of a stored event of the type, without what is not shown; None when there is no
    such event. One statement."""
    row = StoredEvent.objects.filter(event_id=event_id, event_type=entry.name).first()
    if row is None:
        return None
    event = row.event
    unseen = hidden(event)
    return {name: value for name, value in event.data.items() if name not in unseen}


def _hint(field: Field) -> str:
    """``Id of the user (at least 1).``"""
    bounds = "; ".join(field.constraints)
    if not bounds:
        return field.description
    return f"{field.description.removesuffix('.')} ({bounds})." if field.description else bounds


def _kind(schema: Mapping[str, Any]) -> Kind:
    if list(_options(schema)):
        return "choice"
    kinds = {part.get("type", "object") for part in _parts(schema)}
    if kinds & {"array", "object"}:
        return "json"
    return "number" if kinds <= {"integer"} else "text"


def _options(schema: Mapping[str, Any]) -> Iterator[str]:
    for part in _parts(schema):
        if part.get("type") == "boolean":
            yield from ("true", "false")
        yield from map(str, part.get("enum", [part["const"]] if "const" in part else []))


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a value may be, however deep that is nested; absent is none of it."""
    if "anyOf" not in schema:
        return [] if schema == NOTHING else [schema]
    return [part for option in schema["anyOf"] for part in _parts(option)]


def _written(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
