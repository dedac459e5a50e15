"""What a person calls an event type, who leaves its domain out where only one can be meant."""

from __future__ import annotations

from events.errors import UnknownType
from events.registry import EventType, registry


def meant(text: str) -> EventType | None:
    """The type of a name, alias, ``Name.vN`` or short name; None when none or several fit.

    A short name lacks the domain: ``TradeExecuted``, ``Trade.Executed``. Publishers and handlers
    need the full one, so the registry does not know it.
    """
    try:
        return registry.resolve(text) if text else None
    except UnknownType:
        fit = {
            entry.name
            for entry in registry.all()
            if any(name.partition(".")[2] == text for name in (entry.name, *entry.aliases))
        }
        return registry.resolve(fit.pop()) if text and len(fit) == 1 else None
