"""The bus as an AsyncAPI 3.0 document: a channel per stream, a message per version of a type, and
who sends and receives it (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from __future__ import annotations

from typing import Any

import msgspec

from events.conf import bus_settings
from events.envelope import Event
from events.groups import Group, groups
from events.registry import EventType, registry

VERSION = "3.0.0"

SCHEMAS = "#/components/schemas/"

ENVELOPE = "Event"


def document() -> dict[str, Any]:
    """Every stream, message and operation that is registered or declared."""
    entries, declared = registry.all(), groups()
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Astra event bus",
            "version": bus_settings().version,
            "description": (
                "Streams of a Redis server. An entry has the event as UTF-8 JSON in its field "
                "`body` and the event's id in its field `id`."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {entry.label: _channel(entry) for entry in entries},
        "operations": _operations(entries, declared),
        "components": {
            "messages": {entry.label: _message(entry) for entry in entries},
            "schemas": _schemas(entries),
        },
    }


def _channel(entry: EventType) -> dict[str, Any]:
    return {
        "address": entry.stream,
        "title": entry.title,
        "description": entry.description,
        "messages": {"event": {"$ref": f"#/components/messages/{entry.label}"}},
        "tags": [{"name": entry.domain}],
    }


def _message(entry: EventType) -> dict[str, Any]:
    """The envelope, with the type, the version and the payload of this message."""
    own = {
        "event_type": {"const": entry.name},
        "event_version": {"const": entry.version},
        "data": {"$ref": SCHEMAS + entry.label},
    }
    return {
        "name": entry.label,
        "title": entry.title,
        "summary": entry.description,
        "contentType": "application/json",
        "payload": {"allOf": [{"$ref": SCHEMAS + ENVELOPE}, {"properties": own}]},
        "tags": [{"name": entry.domain}, {"name": f"owner:{entry.owner}"}],
    }


def _operations(entries: tuple[EventType, ...], declared: tuple[Group, ...]) -> dict[str, Any]:
    """What each group reads and may say, and what services publish by themselves."""
    found: dict[str, Any] = {}
    said = {name for group in declared for name in group.says}
    for entry in entries:
        for group in declared:
            if entry.name in group.reads:
                found[f"{group.name}.reads.{entry.label}"] = _operation("receive", entry)
            if entry.name in group.says and registry.is_newest(entry):
                found[f"{group.name}.says.{entry.label}"] = _operation("send", entry)
        if entry.name not in said or not registry.is_newest(entry):
            found[f"{entry.owner}.says.{entry.label}"] = _operation("send", entry)
    return found


def _operation(action: str, entry: EventType) -> dict[str, Any]:
    channel = f"#/channels/{entry.label}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/event"}],
    }


def _schemas(entries: tuple[EventType, ...]) -> dict[str, Any]:
    """The envelope, the payloads as they are on the wire, and what these refer to."""
    _, found = msgspec.json.schema_components([Event], ref_template=SCHEMAS + "{name}")
    schemas: dict[str, Any] = dict(found)
    for entry in entries:
        own = f"{entry.label}."
        schema = entry.payload.model_json_schema(
            mode="serialization", ref_template=f"{SCHEMAS}{own}{{model}}"
        )
        for name, definition in schema.pop("$defs", {}).items():
            schemas[own + name] = definition  # pydantic names it in [a-zA-Z0-9._-]
        schemas[entry.label] = {**schema, "examples": [dict(entry.example)]}
    return schemas
