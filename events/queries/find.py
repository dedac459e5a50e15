"""What a pasted id is: any of the things the console has a page for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from uuid import UUID

from events.groups import groups
from events.models import DeadLetter, Operation, StoredEvent
from events.queries.events import names_about, split_entity
from events.queries.type_names import meant
from events.registry import EventType, registry

Kind = Literal["event", "chain", "dead letter", "operation", "group", "stream", "type", "entity"]

SUGGESTIONS = 10
"""Names listed of each kind when nothing fits exactly."""


@dataclass(frozen=True, slots=True)
class Match:
    """Something the text names. `key` identifies it on its page; of an entity its id."""

    kind: Kind
    key: str
    title: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Exact matches, names that contain the text, and what was looked through."""

    text: str
    exact: tuple[Match, ...]
    near: tuple[Match, ...]
    tried: tuple[str, ...]

    @property
    def only(self) -> Match | None:
        """The one thing it can be."""
        return self.exact[0] if len(self.exact) == 1 else None


def find(text: str) -> Found:
    """Find out what `text` names. One statement per domain at most and six more, each on an index.

    A UUID is a chain before it is an event: the chain of a root has its id and shows it first.
    """
    text = text.replace("\0", "").strip()  # PostgreSQL takes no NUL in a text
    exact: list[Match] = []
    tried: list[str] = []
    for name, look in LOOKS:
        tried.append(name)
        exact += look(text)
        if exact and exact[0].kind in ("chain", "event", "stream", "type", "group"):
            break
    near = () if exact or not text else tuple(_near(text.casefold()))
    return Found(text, tuple(exact), near, tuple(tried))


def _event(text: str) -> Iterator[Match]:
    event_id = _uuid(text)
    row = StoredEvent.objects.filter(event_id=event_id).first() if event_id else None
    if row is not None:
        yield Match("event", str(row.event_id), row.event_type, row.domain)


def _chain(text: str) -> Iterator[Match]:
    correlation_id = _uuid(text)
    if correlation_id and StoredEvent.objects.filter(correlation_id=correlation_id).exists():
        yield Match("chain", str(correlation_id), "chain")


def _unstored(text: str) -> Iterator[Match]:
    """A dead letter whose event the store does not have."""
    event_id = _uuid(text)
    rows = DeadLetter.objects.filter(event_id=event_id) if event_id else DeadLetter.objects.none()
    for pk, event_type, group in rows.values_list("pk", "event_type", "group_name")[:SUGGESTIONS]:
        yield Match("dead letter", str(pk), f"{event_type} of {group}")


def _stream(text: str) -> Iterator[Match]:
    entry = registry.by_stream(text)
    if entry is not None:
        yield Match("stream", entry.stream, f"stream of {entry.label}", entry.domain)


def _name(text: str) -> Iterator[Match]:
    entry = meant(text)
    if entry is not None:
        yield Match("type", entry.name, entry.title, entry.domain)


def _group(text: str) -> Iterator[Match]:
    yield from (Match("group", g.name, g.name, g.domain) for g in groups() if g.name == text)


def _number(text: str) -> Iterator[Match]:
    kind, _, digits = text.rpartition(" ")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        return
    pk = int(digits)
    if kind in ("", "dead letter"):
        for event_type, group in DeadLetter.objects.filter(pk=pk).values_list(
            "event_type", "group_name"
        ):
            yield Match("dead letter", digits, f"{event_type or 'entry'} of {group}")
    if kind in ("", "operation") and Operation.objects.filter(pk=pk).exists():
        yield Match("operation", digits, f"operation {digits}")


def _entity(text: str) -> Iterator[Match]:
    """``123``, or with what it is: ``user:123``."""
    label, entity_id = split_entity(text)
    if not entity_id or len(entity_id) > 200:
        return
    entries = [e for e in registry.all() if not label or e.entity_label == label]
    rows = StoredEvent.objects.filter(entity_id=entity_id)
    if label:
        rows = rows.filter(event_type__in=names_about(label))
    domains = sorted({entry.domain for entry in entries})
    hit = [domain for domain in domains if rows.filter(domain=domain).exists()]
    if hit:
        yield Match("entity", text, f"events about {text}", hit[0] if len(hit) == 1 else "")


LOOKS: tuple[tuple[str, Callable[[str], Iterator[Match]]], ...] = (
    ("correlation id", _chain),
    ("event id", _event),
    ("event id of a dead letter", _unstored),
    ("stream", _stream),
    ("event type or alias", _name),
    ("group", _group),
    ("dead letter or operation number", _number),
    ("entity id", _entity),
)
"""What a text may be, in the order it is tried."""


def _near(text: str) -> Iterator[Match]:
    """Groups and types whose name contains the text, SUGGESTIONS of each at most."""
    named = (g for g in groups() if text in g.name.casefold())
    for group in islice(named, SUGGESTIONS):
        yield Match("group", group.name, group.name, group.domain)
    latest = {entry.name: entry for entry in registry.all() if _called(entry, text)}
    for entry in islice(latest.values(), SUGGESTIONS):
        yield Match("type", entry.name, entry.title, entry.domain)


def _called(entry: EventType, text: str) -> bool:
    texts = (entry.name, entry.title, entry.stream, *entry.aliases)
    return any(text in name.casefold() for name in texts)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
