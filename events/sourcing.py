"""The state of an entity, rebuilt from the events that are stored about it (event sourcing)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from events.envelope import Event
from events.errors import AstraError, ConfigurationError, InvalidEvent
from events.failures import message_of
from events.models import StoredEvent
from events.registry import Payload, registry
from events.validation import understood

State = dict[str, Any]
Fold = Callable[[State, Event, Any], State]
Function = TypeVar("Function", bound=Fold)

MOST_FOLDED = 50_000
"""Events of one entity that are read; all of them are in memory at once."""

_folds: dict[str, Fold] = {}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the stored events of an entity come to."""

    domain: str
    entity_id: str
    states: Mapping[str, State]
    """By what the entity is (``position``, ``user``): one id may be that of several things."""
    folded: int
    """Events that went into it."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Events that did not, by type: no fold knows the type, or the payload is not valid."""
    first_at: datetime | None = None
    """When the oldest of them occurred: what was before is not stored any more."""
    last_at: datetime | None = None
    cut: bool = False
    """There are more events than were to be read; the state is that after the oldest of them."""
    failed: str = ""
    """Why there is no state: a fold raised. `rebuild` itself raises FoldFailed."""

    @property
    def state(self) -> State:
        """The state where the id is that of one thing; empty when no event was folded."""
        return next(iter(self.states.values()), {})


class FoldFailed(AstraError):
    """Its domain's developer must act: a fold raised."""

    def __init__(self, fold: Fold, event: Event, error: Exception) -> None:
        name = f"{fold.__module__}.{getattr(fold, '__qualname__', fold)}"
        super().__init__(
            f"the fold {name} failed at {event.label} {event.event_id}: "
            f"{type(error).__name__}: {message_of(error)}"
        )
        self.event = event
        """What its message may hold values of."""


def check() -> None:
    """Raise ConfigurationError for a fold of a type that nobody registers under that name."""
    known = {entry.name for entry in registry.all()}
    for name, fold in _folds.items():
        if name not in known:
            raise ConfigurationError(
                f"{fold.__module__}: @folds({name!r}) names no registered event type"
            )


def folds(*event_types: str) -> Callable[[Function], Function]:
    """Make a function the step by which events of these types change the state of their entity.

    It takes ``(state, event, payload)``: the state so far (empty at first), the event in the newest
    version of its type, and its payload's model. It returns the state after it, with values that
    can be shown: fields marked personal or secret stay out. Raises ConfigurationError when a type
    has a fold already.
    """

    def declare(function: Function) -> Function:
        for name in event_types:
            taken = _folds.setdefault(name, function)
            if taken is not function:
                raise ConfigurationError(
                    f"{name} has two folds, in {taken.__module__} and {function.__module__}"
                )
        return function

    return declare


def folded_types() -> frozenset[str]:
    """Names of the types that have a fold."""
    return frozenset(_folds)


def rebuild(
    domain: str, entity_id: str, at: datetime | None = None, *, most: int = MOST_FOLDED
) -> Rebuilt:
    """Fold what is stored about an entity, in the order in which it occurred.

    `at` leaves out what occurred later: the state as it was then. What the janitor has removed is
    missing (`Rebuilt.first_at`). One statement on the index of entities, of at most `most` events.
    Raises FoldFailed, and ValueError for an `at` without a time zone.
    """
    if at is not None and at.tzinfo is None:
        raise ValueError(f"at ({at}) has no time zone; give datetime(..., tzinfo=UTC)")
    rows = (
        StoredEvent.objects.filter(domain=domain, entity_id=entity_id)
        .order_by("seq")
        .values_list("seq", "body")[: most + 1]
    )
    read = [(Event.from_json(body), seq) for seq, body in rows]
    events = sorted(read[:most], key=lambda one: (one[0].occurred_at, one[1]))
    chosen = [event for event, _ in events if at is None or event.occurred_at <= at]
    return _folded(domain, entity_id, chosen, cut=len(read) > most)


def _folded(domain: str, entity_id: str, events: list[Event], *, cut: bool) -> Rebuilt:
    states: dict[str, State] = {}
    passed_over: Counter[str] = Counter()
    used: list[Event] = []
    for event in events:
        fold = _folds.get(event.event_type)
        read = _read(event) if fold else None
        if fold is None or read is None:
            passed_over[event.event_type] += 1
            continue
        newest, payload = read
        label = registry.resolve(newest.event_type).entity_label
        try:
            states[label] = fold(dict(states.get(label, {})), newest, payload)
        except Exception as error:
            raise FoldFailed(fold, event, error) from error
        used.append(event)
    return Rebuilt(
        domain=domain,
        entity_id=entity_id,
        states=states,
        folded=len(used),
        passed_over=dict(passed_over),
        first_at=used[0].occurred_at if used else None,
        last_at=used[-1].occurred_at if used else None,
        cut=cut,
    )


def _read(event: Event) -> tuple[Event, Payload] | None:
    """The event in the newest version of its type; None where it is not valid any more."""
    try:
        return understood(event)
    except InvalidEvent:
        return None
