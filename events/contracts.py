"""The registry as a document: what is promised about every version of every type, to be kept, given
to others, and held against what is registered later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from events.compatibility import BACKWARD, BOTH, PROMISED, Difference, broken, differences
from events.errors import ConfigurationError
from events.registry import EventType, registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The JSON Schema that pydantic writes."""

MARKS = ("personal", "secret")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference in one version of one type."""

    type: str
    """``Trading.TradeExecuted v1``."""
    difference: Difference
    breaking: bool
    """It breaks what the type promises."""
    promised: str
    """The level of compatibility that the type promises, or ``marks``, ``names``, ``example``."""


def schema_of(entry: EventType) -> dict[str, Any]:
    """What a producer may send as the payload of a version: JSON Schema with what else is known
    of it in ``x-`` keywords. Definitions it needs are its own."""
    found = entry.payload.model_json_schema(mode="validation")
    return {
        **found,
        **({"deprecated": True} if entry.deprecated else {}),
        "title": entry.label,
        "description": entry.description,
        "examples": [dict(entry.example)],
        "x-stream": entry.stream,
        "x-owner": entry.owner,
        "x-since": entry.since,
        "x-entity": entry.entity_field,
        "x-aliases": _aliases(entry.name),
        "x-compatibility": entry.compatibility,
        "x-personal": list(entry.personal),
        "x-secret": list(entry.secret),
        "x-retention-days": entry.retention_days,
    }


def _aliases(name: str) -> list[str]:
    """Other spellings of a type; they are the same whichever version declares them."""
    return sorted({a for entry in registry.all() if entry.name == name for a in entry.aliases})


def document() -> dict[str, Any]:
    """Everything registered, as one JSON Schema with a definition per version of a type."""
    return {
        "$schema": DIALECT,
        "title": "Event types",
        "$defs": {entry.label: schema_of(entry) for entry in registry.all()},
    }


def read(raw: Any, source: str) -> Mapping[str, Mapping[str, Any]]:
    """The versions in a document that `document` made. Raises ConfigurationError naming `source`
    for anything else."""
    found = raw.get("$defs") if isinstance(raw, Mapping) else None
    if not isinstance(found, Mapping) or not all(map(_is_version, found.values())):
        raise ConfigurationError(
            f"{source} is not a document of event types; write one with "
            "manage.py registry export --format jsonschema"
        )
    return found


def _is_version(found: Any) -> bool:
    if not isinstance(found, Mapping) or "x-entity" not in found:
        return False
    return found.get("x-compatibility", "backward") in PROMISED


def compared(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[Finding]:
    """How each version in `before` differs in `after`. A version that is only in `after` breaks
    nothing and is not told."""
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            gone = Difference("", "is not registered any more; its events are still kept", BOTH)
            yield Finding(_shown(name), gone, breaking=True, promised="names")
            continue
        promised = str(old.get("x-compatibility", "backward"))
        for found in differences(old, new):
            yield Finding(_shown(name), found, broken(found, promised), promised)
        yield from _names_and_marks(name, old, new)


def check(before: Mapping[str, Document]) -> tuple[Finding, ...]:
    """How what is registered now differs from a document of before.

    The examples of before are tried as well: what a validator written in Python refuses shows in
    no schema.
    """
    now = {entry.label: entry for entry in registry.all()}
    after = {name: schema_of(entry) for name, entry in now.items()}
    found = list(compared(before, after))
    for name, old in before.items():
        promised = str(old.get("x-compatibility", "backward"))
        if name in now and PROMISED[promised] & BACKWARD:
            found += _examples(name, old, now[name])
    return tuple(found)


def missing_from(before: Mapping[str, Document]) -> tuple[str, ...]:
    """Versions that are registered and not in a document, or stand there otherwise than now."""
    now = {entry.label: schema_of(entry) for entry in registry.all()}
    return tuple(_shown(name) for name, schema in now.items() if before.get(name) != schema)


def _examples(name: str, old: Document, entry: EventType) -> Iterator[Finding]:
    for example in old.get("examples", ()):
        try:
            entry.payload.model_validate(example)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            path = ".".join(map(str, wrong["loc"]))
            told = Difference(path, f"its example of before is refused: {wrong['msg']}", BACKWARD)
            yield Finding(_shown(name), told, breaking=True, promised="example")


def _names_and_marks(name: str, old: Document, new: Document) -> Iterator[Finding]:
    if old["x-entity"] != new["x-entity"]:
        told = f"is the entity now, it was {old['x-entity']}"
        yield _broken(name, new["x-entity"], told, "names")
    for alias in old.get("x-aliases", ()):
        if alias not in new.get("x-aliases", ()):
            yield _broken(name, "", f"the alias {alias} was removed", "names")
    for mark in MARKS:
        for field in old.get(f"x-{mark}", ()):
            if field in new.get("properties", {}) and field not in new.get(f"x-{mark}", ()):
                yield _broken(name, field, f"is not marked {mark} any more", "marks")


def _broken(name: str, path: str, what: str, promised: str) -> Finding:
    return Finding(_shown(name), Difference(path, what, BOTH), breaking=True, promised=promised)


def _shown(name: str) -> str:
    """``Trading.TradeExecuted.v1`` -> ``Trading.TradeExecuted v1``."""
    return " ".join(name.rsplit(".", 1))
