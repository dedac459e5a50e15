"""The registry as a document: what is promised about every version of every type, to be kept, given
to others, and held against what is registered later."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from pydantic import ValidationError

from events.compatibility import (
    BACKWARD,
    BOTH,
    EDITION,
    NEITHER,
    PROMISED,
    Difference,
    broken,
    differences,
    opened,
    payload_schema,
)
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
    """The level of compatibility that the type promises, or ``marks``, ``names``, ``example``,
    ``promise``, ``retention``."""


def schema_of(entry: EventType) -> dict[str, Any]:
    """What a producer may send as the payload of a version: JSON Schema with what else is known
    of it in ``x-`` keywords. Definitions it needs are its own."""
    return {
        **payload_schema(entry.payload),
        **({"deprecated": True} if entry.deprecated else {}),
        "title": entry.label,
        "description": entry.description,
        "examples": [dict(entry.example)],
        "x-app": _app(entry),
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


def _app(entry: EventType) -> str:
    """The app that declares a version, as INSTALLED_APPS has it."""
    module = entry.payload.__module__
    app = apps.get_containing_app_config(module)
    return module if app is None else app.name


def _aliases(name: str) -> list[str]:
    """Other spellings of a type; they are the same whichever version declares them."""
    return sorted({a for entry in registry.all() if entry.name == name for a in entry.aliases})


def document() -> dict[str, Any]:
    """Everything registered, as one JSON Schema with a definition per version of a type."""
    return {
        "$schema": DIALECT,
        "title": "Event types",
        "$defs": dict(registered()),
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
    days = found.get("x-retention-days")
    return (
        found.get("x-compatibility", "backward") in PROMISED
        and found.get("x-edition", 1) in range(1, EDITION + 1)
        and (days is None or isinstance(days, int))
    )


def apps_of(versions: Mapping[str, Document]) -> tuple[str, ...]:
    """The apps that declare these versions; none where a document is too old to tell."""
    return tuple(sorted({str(one["x-app"]) for one in versions.values() if "x-app" in one}))


def is_older(versions: Mapping[str, Document]) -> bool:
    """Whether a document was written when less was told of a payload: what it leaves out is not
    compared."""
    return any(one.get("x-edition", 1) < EDITION for one in versions.values())


def registered() -> Mapping[str, Document]:
    """The versions that are registered now, as they would be written down."""
    return {entry.label: schema_of(entry) for entry in registry.all()}


def compared(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[Finding]:
    """How each version in `before` differs in `after`. A version that is only in `after` breaks
    nothing and is not told."""
    apps_after = apps_of(after)
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield _broken(name, "", _gone(old, apps_after), "names")
            continue
        promised = str(old.get("x-compatibility", "backward"))
        for found in differences(old, new):
            yield Finding(_shown(name), found, broken(found, promised), promised)
        yield from _names_and_marks(name, old, new)
        yield from _promises(name, old, new)


def check(before: Mapping[str, Document]) -> tuple[Finding, ...]:
    """How what is registered now differs from a document of before.

    The examples of before are tried as well: what a validator written in Python refuses shows in
    no schema.
    """
    now = {entry.label: entry for entry in registry.all()}
    found = list(compared(before, registered()))
    for name, old in before.items():
        promised = str(old.get("x-compatibility", "backward"))
        if name in now and PROMISED[promised] & BACKWARD:
            found += _examples(name, old, now[name])
    return tuple(found)


def missing_from(before: Mapping[str, Document]) -> tuple[str, ...]:
    """Versions that are registered and not in a document, or stand there otherwise than now."""
    now = registered().items()
    return tuple(_shown(name) for name, schema in now if before.get(name) != schema)


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
    there = opened(new).get("properties", {})
    for mark in MARKS:
        for field in old.get(f"x-{mark}", ()):
            if field in there and field not in new.get(f"x-{mark}", ()):
                yield _broken(name, field, f"is not marked {mark} any more", "marks")


def _gone(old: Document, apps_after: Collection[str]) -> str:
    """Why a version may be missing: it was removed, or its app is not among those of now."""
    app = old.get("x-app")
    if app is None or app in apps_after:
        return "is not registered any more; its events are still kept"
    return f"is not registered any more, as nothing of {app} is: is it among the APPS?"


def _promises(name: str, old: Document, new: Document) -> Iterator[Finding]:
    """What a version promises about its own changes, and how long its events are there to be read.
    Readers count on what was promised: more of it breaks nobody, less does."""
    was, now = (str(one.get("x-compatibility", "backward")) for one in (old, new))
    if was != now:
        lost = PROMISED[was] - PROMISED[now]
        told = Difference("", f"promises {now} now, it was {was}", lost)
        yield Finding(_shown(name), told, breaking=bool(lost), promised="promise")
    days_before, days = old.get("x-retention-days"), new.get("x-retention-days")
    if days_before != days:
        shorter = _is_shorter(days, days_before)
        what = f"its events are kept {_days_told(days)}, it was {_days_told(days_before)}"
        told = Difference("", what, BACKWARD if shorter else NEITHER)
        yield Finding(_shown(name), told, breaking=shorter, promised="retention")


def _is_shorter(days: int | None, before: int | None) -> bool:
    """Whether less is promised than before; as long as the settings say is no promise of its own,
    0 is for ever."""
    if before is None:
        return False
    return days is None or (days != 0 and (before == 0 or days < before))


def _days_told(days: int | None) -> str:
    if days is None:
        return "as long as the settings say"
    return f"for {days} days" if days else "for ever"


def _broken(name: str, path: str, what: str, promised: str) -> Finding:
    return Finding(_shown(name), Difference(path, what, BOTH), breaking=True, promised=promised)


def _shown(name: str) -> str:
    """``Trading.TradeExecuted.v1`` -> ``Trading.TradeExecuted v1``."""
    return " ".join(name.rsplit(".", 1))
