"""The registered event types as a page of Markdown, for those who have no console at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator

from events.queries import types
from events.queries.type_fields import Field
from events.queries.types import TypeView
from events.registry import registry


def page() -> str:
    """Every version of every type: its meaning, fields and example, who says and reads it."""
    return "\n".join(["# Event types", "", *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    domain = ""
    for entry in registry.all():
        if entry.domain != domain:
            domain = entry.domain
            yield from (f"## {entry.name.partition('.')[0]}", "")
        yield from _type(types.described(entry))


def _type(view: TypeView) -> Iterator[str]:
    entry = view.entry
    yield from (f"### {entry.name} v{entry.version}", "", entry.description, "")
    yield f"- stream `{entry.stream}`, owner {entry.owner}, entity `{entry.entity_field}`"
    if entry.aliases:
        yield f"- also written {', '.join(f'`{alias}`' for alias in entry.aliases)}"
    said_by = ", ".join(f"`{name}`" for name, _ in view.said_by)
    yield f"- said by {said_by or f'services of {entry.owner}'}"
    readers = ", ".join(f"`{reader.group}`" for reader in view.readers)
    yield f"- read by {readers or 'nobody'}"
    yield from ("", "| field | type | | meaning |", "|---|---|---|---|")
    for field in view.fields:
        yield _row(field)
    yield from ("", "```json", json.dumps(dict(entry.example), indent=2), "```", "")


def _row(field: Field) -> str:
    notes = [field.mark, "" if field.required else "optional", *field.constraints]
    told = "; ".join(note for note in notes if note)
    cells = (f"`{field.name}`", field.type, told, field.description)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
