"""The registered event types, as the registry pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from events.compatibility import Difference, differences
from events.contracts import schema_of
from events.errors import UnknownType
from events.groups import Group, groups
from events.queries import events
from events.queries.observed import Seen
from events.queries.recorded import Recorded
from events.queries.type_fields import Field, fields_of
from events.queries.type_names import meant
from events.registry import EventType, registry

Traffic = Literal["any", "lively", "silent", "deprecated"]

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
    seen: Seen | None
    """What was seen of it; None when nothing was, or nobody asked."""
    deprecated_and_said: tuple[int, ...]
    """Versions that are not to be said any more, and still are."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The types that match, and what one can filter by."""

    rows: tuple[TypeRow, ...]
    total: int
    domains: tuple[str, ...]
    owners: tuple[str, ...]


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


def catalogue(
    search: str = "",
    domain: str = "",
    owner: str = "",
    traffic: Traffic = "any",
    seen: Mapping[str, Seen] | None = None,
) -> Catalogue:
    """The types whose name, description, alias or stream contains `search`, each in its newest
    version. `seen` is what `observed.seen` told, by which `traffic` narrows. No statement."""
    entries = [entry for entry in registry.all() if registry.is_newest(entry)]
    deprecated = {(e.name, e.version) for e in registry.all() if e.deprecated}
    versions = Counter(entry.name for entry in registry.all())
    readers = Counter(name for group in groups() for name in group.reads)
    rows = (
        _row(
            entry,
            versions[entry.name],
            readers[entry.name],
            (seen or {}).get(entry.name),
            deprecated,
        )
        for entry in entries
        if _matches(entry, search.casefold(), domain, owner)
    )
    return Catalogue(
        rows=tuple(row for row in rows if _flows(row, traffic)),
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
        fields=tuple(fields_of(entry)),
        readers=tuple(_reader(group, entry) for group in groups() if entry.name in group.reads),
        said_by=tuple((g.name, g.domain) for g in groups() if entry.name in g.says),
        newest=newest,
    )


def changes(view: TypeView) -> tuple[tuple[int, tuple[Difference, ...]], ...]:
    """What each version changed of the one before it, the newest first. No statement."""
    entries = [e for e in registry.all() if e.name == view.entry.name]
    pairs = [
        (after.version, schema_of(before), schema_of(after)) for before, after in pairwise(entries)
    ]
    return tuple((version, differences(old, new)) for version, old, new in reversed(pairs))


def _matches(entry: EventType, search: str, domain: str, owner: str) -> bool:
    if (domain and entry.domain != domain) or (owner and entry.owner != owner):
        return False
    texts = (entry.name, entry.title, entry.description, entry.stream, *entry.aliases)
    return any(search in text.casefold() for text in texts)


def _flows(row: TypeRow, traffic: Traffic) -> bool:
    lively = row.seen is not None and row.seen.lively
    return {
        "any": True,
        "lively": lively,
        "silent": not lively,
        "deprecated": bool(row.deprecated_and_said),
    }[traffic]


def _row(
    entry: EventType,
    versions: int,
    readers: int,
    seen: Seen | None,
    deprecated: Collection[tuple[str, int]],
) -> TypeRow:
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
        seen=seen,
        deprecated_and_said=tuple(
            version
            for version in (seen.lively_versions if seen else ())
            if (entry.name, version) in deprecated
        ),
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
