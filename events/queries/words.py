"""Events in a few words: what one says, and what a chain is called. Pure, by field names.

The rules look at the payload's fields, not at the type, so that a user's own types read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.envelope import Event
from events.errors import UnknownType
from events.privacy import hidden, masked
from events.registry import registry

LONGEST = 60
"""Characters of a summary: one table cell."""

DONE = ("executed", "completed")
"""Participles that add nothing to their noun: a trade executed is a trade."""

Data = Mapping[str, Any]


def summary(event: Event) -> str:
    """What the event says, e.g. ``value 5000.00``, ``+50 XP``, ``15 → 16``; may be empty."""
    data, unseen = masked(event), hidden(event)
    for fields, words in RULES:
        if all(data.get(field) not in (None, "", []) and field not in unseen for field in fields):
            return _shortened(words(data))
    return _shortened(_first_plain_value(data, skip=event.entity_id))


def chain_title(root: Event) -> str:
    """What a chain is called after its root: ``Trade by user 123``, ``Order 55 placed``."""
    try:
        entry = registry.resolve(root.event_type, root.event_version)
    except UnknownType:
        return f"{root.event_type}, {root.entity_id}"
    noun, _, participle = entry.title.rpartition(" ")
    label = entry.entity_label.replace("_", " ")
    if noun.lower() == label:
        return f"{noun} {root.entity_id} {participle}"
    if participle in DONE:
        return f"{noun} by {label} {root.entity_id}"
    return f"{entry.title}, {label} {root.entity_id}"


def duration(seconds: float) -> str:
    """A length of time by its one or two largest units: ``3.4 ms``, ``12 s``, ``4 min 12 s``."""
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    for large, size, small, part in (("min", 60, "s", 1), ("h", 3600, "min", 60)):
        if whole < size * 60:
            rest = whole % size // part
            return f"{whole // size} {large}" + (f" {rest} {small}" if rest else "")
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def span(seconds: float) -> str:
    """A length of time in milliseconds as long as those say something: ``412 ms``, ``12 s``."""
    milliseconds = seconds * 1000
    if milliseconds < 100:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if seconds < 10 else duration(seconds)


def plural(count: int, one: str, many: str = "") -> str:
    """``1 event``, ``3 events``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}".replace(",", "\u202f")


def _signed(value: Any) -> str:
    text = str(value)
    return text if text.startswith("-") else f"+{text}"


def _plain(value: Any) -> str:
    return str(value).replace("_", " ")


def _changes(data: Data) -> str:
    """The changed fields with their new values where the payload carries them."""
    values = ((name, data.get(name)) for name in data["changed"])
    return ", ".join(
        f"{_plain(name)} {_plain(value)}" if isinstance(value, str | int) else _plain(name)
        for name, value in values
    )


def _rank(data: Data) -> str:
    before = data.get("previous_rank")
    moved = f"{before} → {data['rank']}" if before else str(data["rank"])
    return f"{_plain(data.get('board', ''))} rank {moved}".strip()


def _limit(data: Data) -> str:
    return f"{_plain(data['limit'])} {data['value']} of {data['maximum']}"


def _money(field: str, label: str = "") -> Callable[[Data], str]:
    def words(data: Data) -> str:
        return f"{label} {data[field]} {data.get('currency', '')}".strip()

    return words


RULES: tuple[tuple[tuple[str, ...], Callable[[Data], str]], ...] = (
    (("from_level", "to_level"), lambda d: f"{d['from_level']} → {d['to_level']}"),
    (("xp",), lambda d: f"{_signed(d['xp'])} XP"),
    (("delta",), lambda d: _signed(d["delta"])),
    (("rank",), _rank),
    (("limit", "value", "maximum"), _limit),
    (("pnl",), _money("pnl", "profit")),
    (("value",), lambda d: f"value {d['value']}"),
    (("reward",), _money("reward")),
    (("rule", "severity"), lambda d: f"{d['severity']}: {_plain(d['rule'])}"),
    (("amount",), _money("amount")),
    (("price", "quantity"), lambda d: f"{d['quantity']} at {d['price']}"),
    (("price",), _money("price")),
    (("days",), lambda d: plural(int(d["days"]), "day")),
    (("changed",), _changes),
    (("points",), lambda d: plural(int(d["points"]), "point")),
    (("from_user_id", "to_user_id"), lambda d: f"user {d['from_user_id']} → {d['to_user_id']}"),
    (("to_user_id",), lambda d: f"to user {d['to_user_id']}"),
    (("name",), lambda d: _plain(d["name"])),
    (("title",), lambda d: str(d["title"])),
    (("kind",), lambda d: _plain(d["kind"])),
    (("shares",), lambda d: plural(int(d["shares"]), "share")),
    (("username",), lambda d: str(d["username"])),
)
"""Fields that must be there, and the words made of them; the first that fits is used."""


def _first_plain_value(data: Data, skip: str) -> str:
    """Any value that is not an id."""
    for name, value in data.items():
        if not name.endswith("_id") and isinstance(value, str | int) and str(value) != skip:
            return f"{_plain(name)} {value}"
    return ""


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
