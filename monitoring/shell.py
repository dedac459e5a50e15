"""What stands around every page: the rail, the environment, the state of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from events.queries.snapshot import Snapshot
from monitoring.access import Role, role_of
from monitoring.readings import readings
from monitoring.views.session import THEME_COOKIE

SECTIONS = (
    (
        "Observe",
        (
            ("overview", "Overview", "o"),
            ("live", "Live", "l"),
            ("events", "Events", "e"),
            ("streams", "Streams", "s"),
        ),
    ),
    ("Consume", (("groups", "Groups", "g"), ("workers", "Workers", "w"))),
    (
        "Recover",
        (
            ("dead-letters", "Dead letters", "d"),
            ("retries", "Retries", "t"),
            ("operations", "Operations", "p"),
        ),
    ),
    ("Govern", (("registry", "Registry", "r"),)),
)
"""Section, then its pages: URL name, label, the key that follows `g`."""

BELONGS_TO = {
    "event": "events",
    "chain": "events",
    "stream": "streams",
    "group": "groups",
    "group-move": "groups",
    "group-again": "groups",
    "group-detach": "groups",
    "pending": "groups",
    "pending-hand-back": "groups",
    "pending-dead-letter": "groups",
    "pending-repair": "groups",
    "pending-remove": "groups",
    "dead-letter": "dead-letters",
    "replay": "dead-letters",
    "discard": "dead-letters",
    "restore": "dead-letters",
    "edit": "dead-letters",
    "rehearse": "dead-letters",
    "history": "events",
    "operation-begin": "operations",
    "retries-run": "retries",
    "retries-give-up": "retries",
    "operation": "operations",
    "event-type": "registry",
    "publish": "registry",
    "flow": "registry",
    "entity": "events",
}
"""Pages without an item of their own light up the item one gets to them by."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the rail."""

    page: str
    label: str
    url: str
    key: str
    current: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the rail and its lines."""

    label: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything `base.html` needs besides its page."""

    environment: str
    role: Role | None
    theme: str
    sections: tuple[Section, ...]
    snapshot: Snapshot
    bus_seen_at: datetime | None


def shell(request: HttpRequest) -> dict[str, object]:
    """Template context `shell`; nothing is read until a template asks for it."""
    return {"theme": _theme(request), "shell": SimpleLazyObject(lambda: _shell(request))}


def sections(page: str) -> tuple[Section, ...]:
    """The rail, with the line of `page` marked as current."""
    here = BELONGS_TO.get(page, page)
    return tuple(
        Section(
            label,
            tuple(Item(name, text, reverse(name), key, name == here) for name, text, key in items),
        )
        for label, items in SECTIONS
    )


def _shell(request: HttpRequest) -> Shell:
    match = request.resolver_match
    return Shell(
        environment=settings.ENVIRONMENT,
        role=role_of(request.user),
        theme=_theme(request),
        sections=sections(match.url_name or "" if match else ""),
        snapshot=readings.current(),
        bus_seen_at=readings.bus_seen_at,
    )


def _theme(request: HttpRequest) -> str:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in ("light", "dark") else ""
