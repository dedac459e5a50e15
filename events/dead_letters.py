"""Writing dead letters: one open row for an event one group could not handle."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q
from msgspec.structs import asdict

from events import crash
from events.conf import bus_settings
from events.envelope import Event, now
from events.failures import storable
from events.models import DeadLetter, HandledEvent
from events.privacy import masked_text
from events.store import writing
from events.transport.base import Delivery, Failure

CLOSED_LETTERS_DAYS = 90
"""A closed letter outlives the events' retention by so many days."""

MAX_NAME = 200
"""Most characters kept of an event's type and entity, and of an error's class."""


@dataclass(frozen=True, slots=True)
class Burial:
    """Everything a dead letter is made of."""

    group: str
    delivery: Delivery
    event: Event | None
    """None when the bytes could not be read as an event."""
    kind: str
    error_class: str
    message: str
    traceback: str
    fingerprint: str
    handlers: Sequence[str]
    failures: Sequence[Failure]
    worker: str


def bury(burial: Burial) -> bool:
    """Write a dead letter, or add the new failures to the one this group has for this event.

    False, and nothing written, where the group has handled the event meanwhile (its worker was
    taken for dead), or an operator has closed its letter and asked for nothing since. Three queries
    in a transaction of their own; the entry must be acknowledged only afterwards. What no database
    could store of the entry is cut or spelled out: its bytes are kept as they are.
    """
    try:
        return _written(burial)
    except IntegrityError:  # another worker has just written a letter for it: now it is found
        return _written(burial)


def _written(burial: Burial) -> bool:
    event_id = burial.event.event_id if burial.event else _as_uuid(burial.delivery.event_id)
    with writing():
        letter = _known(burial, event_id) or _new(burial, event_id)
        if _is_over(burial, letter):
            return False
        veil = _veil(burial, letter)
        letter.attempts = [*letter.attempts, *(_attempt(one, veil) for one in burial.failures)]
        letter.kind = burial.kind
        letter.error_class = burial.error_class[:MAX_NAME]
        letter.message = masked_text(burial.message, veil)
        letter.traceback = masked_text(burial.traceback, veil)
        letter.fingerprint = burial.fingerprint
        letter.handlers = ", ".join(burial.handlers)
        letter.worker = burial.worker[:100]
        letter.code_version = bus_settings().version[:50]
        letter.last_failed_at = letter.opened_at = now()
        letter.state, letter.edit = DeadLetter.State.NEW, None
        letter.save()
    crash.here("after-dead-letter-before-acknowledge")
    return True


def kept_closed() -> timedelta | None:
    """How long a letter is kept once it is closed, and a discarded one can be restored; None for
    ever."""
    usual = bus_settings().retention_days
    return timedelta(days=usual + CLOSED_LETTERS_DAYS) if usual else None


def resolve_handled() -> int:
    """Close open letters of events their group has handled: a worker that was taken for dead may
    commit after another has set its event aside. How many; one query."""
    handled = HandledEvent.objects.filter(
        event_id=OuterRef("event_id"), group__name=OuterRef("group_name")
    )
    with writing():
        return (
            DeadLetter.objects.filter(state__in=DeadLetter.OPEN)
            .filter(Exists(handled))
            .update(state=DeadLetter.State.RESOLVED, resolved_at=now())
        )


def resolve(group: str, event_ids: Collection[UUID]) -> int:
    """Close dead letters whose replay was handled; call it in the handler's transaction."""
    return DeadLetter.objects.filter(
        group_name=group, event_id__in=event_ids, state=DeadLetter.State.REPLAYING
    ).update(state=DeadLetter.State.RESOLVED, resolved_at=now())


def _attempt(failure: Failure, veil: Event | None) -> dict[str, str]:
    """A failure as it is kept: those before this one came with the entry and may be anything."""
    return {name: storable(masked_text(text, veil)) for name, text in asdict(failure).items()}


def _veil(burial: Burial, letter: DeadLetter) -> Event | None:
    """The event whose sensitive values must not even be kept in texts: an edited one. What shows
    the letter masks by the original's values, and does not know what was typed in their place."""
    return burial.event if letter.pk and letter.edits.exists() else None


def _is_over(burial: Burial, letter: DeadLetter) -> bool:
    """Whether this failure says nothing new: a second delivery that nobody asked for."""
    if burial.delivery.redelivered:
        return False
    if letter.state in (DeadLetter.State.RESOLVED, DeadLetter.State.DISCARDED):
        return True
    same = (letter.stream, letter.entry_id) == (burial.delivery.stream, burial.delivery.entry_id)
    if same and len(letter.attempts) >= len(burial.failures):  # its entry was not acknowledged
        return True
    return (
        letter.event_id is not None
        and HandledEvent.objects.filter(event_id=letter.event_id, group__name=burial.group).exists()
    )


def _known(burial: Burial, event_id: UUID | None) -> DeadLetter | None:
    """The letter this group has for the event; bytes without an id are known by their entry, and
    when replayed."""
    letters = DeadLetter.objects.select_for_update().filter(
        group_name=burial.group, event_id=event_id
    )
    if event_id is None:
        replayed = Q(body=burial.delivery.body, state=DeadLetter.State.REPLAYING)
        letters = letters.filter(
            replayed | Q(entry_id=burial.delivery.entry_id), stream=burial.delivery.stream
        )
    return letters.first()


def _new(burial: Burial, event_id: UUID | None) -> DeadLetter:
    event, delivery = burial.event, burial.delivery
    return DeadLetter(
        group_name=burial.group,
        event_id=event_id,
        event_type=storable(event.event_type)[:MAX_NAME] if event else "",
        entity_id=storable(event.entity_id)[:MAX_NAME] if event else "",
        correlation_id=event.correlation_id if event else None,
        synthetic=bool(event and event.synthetic),
        stream=delivery.stream,
        entry_id=delivery.entry_id,
        body=delivery.body,
        first_failed_at=now(),
    )


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
