"""What somebody types to find dead letters: typed qualifiers, with plain errors.

    group:revenue_trackers   type:XPGained   error:Reject   entity:123   version:1.4.2
    kind:poison   failure:0123456789abcdef   before:2h   after:2026-11-27T14:02

All of them must hold. A value with blanks stands in quotes. Times are relative (``30m``, ``2h``,
``7d`` ago) or ISO 8601, UTC unless they say otherwise, and of the last failure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from events.models import DeadLetter
from events.queries.events import split_entity
from events.queries.instants import instant
from events.queries.letter_filter import FIELDS, LetterFilter
from events.queries.type_names import meant

LONGEST = 1_000
"""Characters of a search."""

TERM = re.compile(r'\s*([A-Za-z_]*):("(?:[^"\\]|\\.)*"|[^\s"]\S*|(?=\s|$))|\s*(\S+)')
"""A qualifier with its value, which may be quoted; or what is none."""


class SearchError(ValueError):
    """A search that cannot be understood; the message is for the one who typed it."""


def parse(text: str, at: datetime) -> LetterFilter:
    """The filter of a text; relative times are counted from `at`. Raises SearchError.

    What `LetterFilter.described` gives comes back as the same filter. No statement.
    """
    if len(text) > LONGEST:
        raise SearchError(f"A search has at most {LONGEST} characters; this one has {len(text)}.")
    given: dict[str, str] = {}
    for term in TERM.finditer(text.replace("\0", "").strip()):
        name, value, word = term.groups()
        if word is not None:
            raise SearchError(_no_qualifier(word))
        _add(given, name.lower(), _unquoted(value))
    if "kind" in given and given["kind"] not in DeadLetter.Kind.values:
        kinds = _listed(DeadLetter.Kind.values)
        raise SearchError(f"There is no kind “{given['kind']}”; there are {kinds}.")
    if split_entity(given.get("entity", ""))[0]:
        raise SearchError("“entity:” takes the id alone: write entity:123, and type: beside it.")
    entry = meant(given.get("type", ""))
    if entry is not None:
        given["type"] = entry.name
    found = LetterFilter(
        group=given.get("group", ""),
        fingerprint=given.get("failure", ""),
        event_type=given.get("type", ""),
        error=given.get("error", ""),
        entity=given.get("entity", ""),
        version=given.get("version", ""),
        kind=given.get("kind", ""),
        before=_instant("before", given["before"], at) if "before" in given else None,
        after=_instant("after", given["after"], at) if "after" in given else None,
    )
    if found.before and found.after and found.after >= found.before:
        raise SearchError("Nothing can match: “after:” is not earlier than “before:”.")
    return found


def narrowed(found: LetterFilter, group: str = "", fingerprint: str = "") -> LetterFilter:
    """A filter with what was chosen beside it. Raises SearchError where both say one."""
    if group and found.group not in ("", group):
        raise SearchError("“group:” is given twice: take it out of the search, or choose none.")
    if fingerprint and found.fingerprint not in ("", fingerprint):
        raise SearchError("“failure:” is given twice: take it out of the search.")
    return replace(found, group=group or found.group, fingerprint=fingerprint or found.fingerprint)


def _add(given: dict[str, str], name: str, value: str) -> None:
    if name not in FIELDS:
        raise SearchError(f"There is no qualifier “{name}:”; use {_listed(list(FIELDS))}.")
    if name in given:
        raise SearchError(f"“{name}:” is given twice; a letter has one of each.")
    if not value:
        raise SearchError(f"“{name}:” says nothing: write for example {name}:{EXAMPLES[name]}.")
    given[name] = value


EXAMPLES = {
    "group": "revenue_trackers",
    "type": "XPGained",
    "error": "Reject",
    "entity": "123",
    "before": "2h",
    "after": "2026-11-27T14:02",
    "version": "1.4.2",
    "kind": "poison",
    "failure": "0123456789abcdef",
}


def _no_qualifier(word: str) -> str:
    if word.startswith(":") or word.count('"') % 2 or ':"' in word:
        return f'“{word}” cannot be read: write name:value, or name:"a value with blanks".'
    try:
        UUID(word)
    except ValueError:
        return (
            f"“{word}” is no qualifier, and the texts of errors are not searched: they hold what is"
            f" masked, and nothing indexes them. Use {_listed(list(FIELDS))}."
        )
    return f"“{word}” is an id: the field at the top of the page finds what it names."


def _instant(name: str, text: str, at: datetime) -> datetime:
    if found := instant(text, at):
        return found
    raise SearchError(
        f"“{text}” is no time for “{name}:”: write {name}:2h (s, m, h, d or w ago) or"
        f" {name}:2026-11-27T14:02 (UTC)."
    )


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
