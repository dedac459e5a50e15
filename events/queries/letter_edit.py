"""The payload of a dead letter as a form, what was made of it, and the edits there were."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from msgspec.structs import asdict, replace

from events.envelope import Event
from events.errors import InvalidEvent, UnknownType
from events.models import DeadLetter, EditedPayload
from events.privacy import hidden, masked
from events.queries import type_form
from events.queries.dead_letters import Letter, event_of, letter_of
from events.queries.type_form import Input
from events.registry import EventType, registry
from events.validation import understood, validated

ENTITY = "entity_id"
"""What a changed entity field changes of the envelope."""

MOST_EDITS = 50
"""Newest edits of a letter that are shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place in which a payload differs; sensitive values are masked, an absent one is None."""

    path: str
    """``amount``, or ``address.city``; a list is one place."""
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        """For the row that keeps it."""
        return {"path": self.path, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Editable:
    """A dead letter whose payload can be edited, or why it cannot."""

    letter: Letter
    event: Event | None
    entry: EventType | None
    refused: str = ""

    def shown(self) -> dict[str, str]:
        """By field what the form shows: the letter's own values, sensitive ones masked."""
        return {one.name: one.value for one in self.inputs()}

    def inputs(
        self, sent: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None
    ) -> tuple[Input, ...]:
        """The fields of the form, with what was sent and what was wrong with it."""
        if self.entry is None or self.event is None:
            return ()
        own = masked(self.event)
        return type_form.inputs(
            self.entry, own if sent is None else sent, wrong, hidden(self.event)
        )


@dataclass(frozen=True, slots=True)
class Edited:
    """What was sent, as an event with the identity of the original; or why it is none."""

    event: Event | None
    changes: tuple[Change, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    """By payload field why it does not validate; what is about none has an empty name."""

    @property
    def sentence(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(f"{name}: {why}" if name else why for name, why in self.wrong.items())

    @property
    def body(self) -> bytes:
        """The envelope as it is sent."""
        return self.event.to_json() if self.event else b""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that was sent."""

    id: int
    letter: int
    changes: tuple[Change, ...]
    actor: str
    via: str
    reason: str
    edited_at: datetime
    operation: int | None


def load(pk: int) -> Editable | None:
    """One dead letter for its form, or None. One statement."""
    row = DeadLetter.objects.filter(pk=pk).first()
    return editable(row) if row else None


def editable(row: DeadLetter) -> Editable:
    """What can be edited of a letter; `refused` says in a sentence why nothing can."""
    letter, event = letter_of(row, {}), event_of(row)
    if event is None:
        told = f"Dead letter {row.pk} is not an event: it has no payload that could be edited."
        return Editable(letter, None, None, told)
    try:
        entry = registry.resolve(event.event_type, event.event_version)
    except UnknownType as error:
        told = f"Its payload has no form: {error.problems[0].reason}."
        return Editable(letter, event, None, told)
    refused = ""
    if not letter.replayable:
        refused = f"Dead letter {row.pk} is {row.state}: there is nothing to edit and replay."
    return Editable(letter, event, entry, refused)


def edited(original: Editable, sent: Mapping[str, str]) -> Edited:
    """The event with the fields that were changed; the others keep the very values they had.

    A sensitive field that still shows its mask is unchanged. What the type does not know is left
    out. Identity, cause, time and producer stay; the entity id follows its field.
    """
    event, entry = original.event, original.entry
    if event is None or entry is None:
        return Edited(None, wrong={"": original.refused})
    shown = original.shown()
    given = {name: _plain(sent.get(name, text)) for name, text in shown.items()}
    changed = {name: text for name, text in given.items() if text != _plain(shown[name])}
    kept = {
        name: value for name, value in event.data.items() if name in shown and name not in changed
    }
    data, wrong = type_form.payload(entry, changed)
    if wrong:
        return Edited(None, wrong=wrong)
    try:
        made = _made(event, entry, {**kept, **data}, moves=entry.entity_field in changed)
        own = {name: value for name, value in made.data.items() if name in data}
        final = replace(made, data={**kept, **own})
        understood(final)
    except InvalidEvent as error:
        return Edited(None, wrong=type_form.by_field(error.problems))
    return Edited(final, tuple(_changes(event, final)))


def edits(of: QuerySet[EditedPayload]) -> tuple[Edit, ...]:
    """Edits, newest first. One statement."""
    return tuple(
        Edit(
            id=row.pk,
            letter=row.letter_id,
            changes=tuple(Change(one["path"], one["before"], one["after"]) for one in row.changes),
            actor=row.actor,
            via=row.via,
            reason=row.reason,
            edited_at=row.edited_at,
            operation=row.operation_id,
        )
        for row in of.order_by("-pk").defer("body")[:MOST_EDITS]
    )


def edits_of_letter(pk: int) -> tuple[Edit, ...]:
    """The newest edits of a dead letter. One statement."""
    return edits(EditedPayload.objects.filter(letter=pk))


def edits_of_operation(pk: int) -> tuple[Edit, ...]:
    """The edits an operation has sent. One statement."""
    return edits(EditedPayload.objects.filter(operation=pk))


def edited_among(letters: Collection[int] | QuerySet[Any, Any]) -> int:
    """How many of these dead letters were edited once. One statement."""
    return EditedPayload.objects.filter(letter__in=letters).values("letter").distinct().count()


def _made(event: Event, entry: EventType, data: Mapping[str, Any], *, moves: bool) -> Event:
    """The envelope with another payload, validated as any event is."""
    entity_id = None if moves else event.entity_id
    return validated({**asdict(event), "event_type": entry.name, "data": data, ENTITY: entity_id})


def _plain(text: str) -> str:
    """What a browser sends back of a text that was not touched."""
    return text.replace("\r\n", "\n").strip()


def _changes(before: Event, after: Event) -> Iterator[Change]:
    masks = {**hidden(before), **hidden(after)}
    if before.entity_id != after.entity_id:
        yield Change(ENTITY, before.entity_id, after.entity_id)
    for name in dict.fromkeys((*before.data, *after.data)):
        one, other = before.data.get(name), after.data.get(name)
        if one == other and type(one) is type(other):
            continue
        if name in masks:
            veiled = [None if value is None else masks[name] for value in (one, other)]
            yield Change(name, *veiled)
        else:
            yield from _within(name, one, other)


def _within(path: str, before: Any, after: Any) -> Iterator[Change]:
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield Change(path, before, after)
        return
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield from _within(f"{path}.{name}", before.get(name), after.get(name))
