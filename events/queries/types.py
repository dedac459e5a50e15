"""The registered event types, as the registry pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from pydantic.fields import FieldInfo

from events.errors import UnknownType
from events.groups import Group, groups
from events.queries import events
from events.queries.recorded import Recorded
from events.queries.type_names import meant
from events.registry import EventType, registry

NEWEST_SHOWN = 5
"""Newest events on a type's page."""


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One type in the list."""

    name: str
    version: int
    """The newest."""
    versions: int
    """How many there are."""
    domain: str
    title: str
    description: str
    owner: str
    stream: str
    readers: int
    """Groups that read it, analytics included."""
    sensitive: bool
    """Some of its fields are personal or secret."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The types that match, and what one can filter by."""

    rows: tuple[TypeRow, ...]
    total: int
    domains: tuple[str, ...]
    owners: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class Reader:
    """A group that reads the type, and what it may say to it."""

    group: str
    domain: str
    says: tuple[str, ...]
    everything: bool


@dataclass(frozen=True, slots=True)
class TypeView:
    """One type."""

    entry: EventType
    versions: tuple[int, ...]
    fields: tuple[Field, ...]
    readers: tuple[Reader, ...]
    said_by: tuple[tuple[str, str], ...]
    """Groups that may say it, each with its domain; a type no group says comes from a service."""
    newest: tuple[Recorded, ...]


def catalogue(search: str = "", domain: str = "", owner: str = "") -> Catalogue:
    """The types whose name, description, alias or stream contains `search`, each in its newest
    version. No statement."""
    entries = [entry for entry in registry.all() if registry.is_newest(entry)]
    versions = Counter(entry.name for entry in registry.all())
    readers = Counter(name for group in groups() for name in group.reads)
    return Catalogue(
        rows=tuple(
            _row(entry, versions[entry.name], readers[entry.name])
            for entry in entries
            if _matches(entry, search.casefold(), domain, owner)
        ),
        total=len(entries),
        domains=tuple(sorted({entry.domain for entry in entries})),
        owners=tuple(sorted({entry.owner for entry in entries})),
    )


def names() -> tuple[str, ...]:
    """Every registered name, once."""
    return tuple(dict.fromkeys(entry.name for entry in registry.all()))


def known(name: str) -> bool:
    """Whether `name` is a registered name, alias, ``Name.vN`` or a short name of one type."""
    return meant(name) is not None


def load(name: str) -> TypeView | None:
    """One type by name, alias or ``Name.vN``; None when nobody registers it. One statement."""
    try:
        entry = registry.resolve(name)
    except UnknownType:
        return None
    return described(entry, events.newest(entry.name, NEWEST_SHOWN))


def described(entry: EventType, newest: tuple[Recorded, ...] = ()) -> TypeView:
    """What is declared about one version of a type. No statement."""
    return TypeView(
        entry=entry,
        versions=tuple(other.version for other in registry.all() if other.name == entry.name),
        fields=tuple(_fields(entry)),
        readers=tuple(_reader(group, entry) for group in groups() if entry.name in group.reads),
        said_by=tuple((g.name, g.domain) for g in groups() if entry.name in g.says),
        newest=newest,
    )


def _matches(entry: EventType, search: str, domain: str, owner: str) -> bool:
    if (domain and entry.domain != domain) or (owner and entry.owner != owner):
        return False
    texts = (entry.name, entry.title, entry.description, entry.stream, *entry.aliases)
    return any(search in text.casefold() for text in texts)


def _row(entry: EventType, versions: int, readers: int) -> TypeRow:
    return TypeRow(
        name=entry.name,
        version=entry.version,
        versions=versions,
        domain=entry.domain,
        title=entry.title,
        description=entry.description,
        owner=entry.owner,
        stream=entry.stream,
        readers=readers,
        sensitive=bool(entry.personal or entry.secret),
    )


def _reader(group: Group, entry: EventType) -> Reader:
    handlers = [h for h in group.handlers if "*" in h.reads or entry.name in h.reads]
    said = (says.event_type for handler in handlers for says in handler.says)
    return Reader(
        group=group.name,
        domain=group.domain,
        says=tuple(dict.fromkeys(said)),
        everything=any("*" in handler.reads for handler in handlers),
    )


def _fields(entry: EventType) -> Iterator[Field]:
    """The fields of the payload model, from the JSON schema pydantic makes of it."""
    schema = entry.payload.model_json_schema(mode="serialization")
    required = set(entry.payload.model_json_schema().get("required", ()))
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
