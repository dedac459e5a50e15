"""Everything a domain needs to say and to hear events.

    say      publish, publish_direct, Event, adapt
    declare  event_type, upcaster, Payload, Money, UserId, PERSONAL, SECRET
    hear     handles, Says, Context, every; EventWorker, BatchWorker, ScheduledWorker
    outcome  Retry, Reject
    store    remember, note_seen, folds, rebuild
    errors   AstraError, InvalidEvent, UnknownType, UnknownFormat, Problem, BusUnavailable, BusFull

Names are resolved when first used (PEP 562), so that importing this package costs nothing and
works before Django is set up. What is declared can be listed: ``events.registry.registry.all()``
and ``events.groups.groups()``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from events.adapters import adapt
    from events.bus import PublishResult, publish, publish_direct
    from events.envelope import Event
    from events.errors import (
        AstraError,
        BusFull,
        BusUnavailable,
        InvalidEvent,
        Problem,
        Reject,
        Retry,
        UnknownFormat,
        UnknownType,
    )
    from events.groups import Says, every, handles
    from events.registry import PERSONAL, SECRET, Money, Payload, UserId, event_type
    from events.seen import note_seen
    from events.sourcing import folds, rebuild
    from events.store import remember
    from events.tasks import Context
    from events.versions import upcaster
    from events.workers import BatchWorker, EventWorker, ScheduledWorker

# Event comes by way of validation, which teaches it to check what it is made of.
_HOME = {
    "adapt": "adapters",
    "PublishResult": "bus",
    "publish": "bus",
    "publish_direct": "bus",
    "Event": "validation",
    "AstraError": "errors",
    "BusFull": "errors",
    "BusUnavailable": "errors",
    "InvalidEvent": "errors",
    "Problem": "errors",
    "Reject": "errors",
    "Retry": "errors",
    "UnknownFormat": "errors",
    "UnknownType": "errors",
    "Context": "tasks",
    "Says": "groups",
    "every": "groups",
    "handles": "groups",
    "PERSONAL": "registry",
    "SECRET": "registry",
    "Money": "registry",
    "Payload": "registry",
    "UserId": "registry",
    "event_type": "registry",
    "BatchWorker": "workers",
    "EventWorker": "workers",
    "ScheduledWorker": "workers",
    "folds": "sourcing",
    "note_seen": "seen",
    "rebuild": "sourcing",
    "remember": "store",
    "upcaster": "versions",
}

__all__ = [
    "PERSONAL",
    "SECRET",
    "AstraError",
    "BatchWorker",
    "BusFull",
    "BusUnavailable",
    "Context",
    "Event",
    "EventWorker",
    "InvalidEvent",
    "Money",
    "Payload",
    "Problem",
    "PublishResult",
    "Reject",
    "Retry",
    "Says",
    "ScheduledWorker",
    "UnknownFormat",
    "UnknownType",
    "UserId",
    "adapt",
    "event_type",
    "every",
    "folds",
    "handles",
    "note_seen",
    "publish",
    "publish_direct",
    "rebuild",
    "remember",
    "upcaster",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'events' has no attribute {name!r}")
    return getattr(import_module(f"events.{_HOME[name]}"), name)
