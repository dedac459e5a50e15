"""Which dead letters are asked for, by an address or by the form of a page that was shown."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import AwareDatetime, BaseModel, Field

from events.queries.dead_letters import Shown
from events.queries.letter_filter import LetterFilter
from events.queries.letter_groups import Alike, By
from events.queries.letter_search import LONGEST, narrowed, parse

GROUPINGS: tuple[tuple[str, str], ...] = (
    ("failure", "failure"),
    ("type", "event type"),
    ("group", "group"),
    ("version", "code version"),
    ("letter", "none"),
)
"""What the list may be grouped by, and how that is called."""


class Chosen(BaseModel):
    """Dead letters by search and by what is chosen beside it."""

    state: Shown = "open"
    q: Annotated[str, Field(max_length=LONGEST)] = ""
    group: Annotated[str, Field(max_length=100)] = ""
    failure: Annotated[str, Field(max_length=16)] = ""
    """A fingerprint."""

    def filter(self, at: datetime) -> LetterFilter:
        """All of it together; relative times count from `at`. Raises SearchError."""
        return narrowed(parse(self.q, at), group=self.group, fingerprint=self.failure)


class Asked(Chosen):
    """What to list, as the address says it."""

    by: Literal["", "failure", "type", "group", "version", "letter"] = ""
    before: int | None = None
    """Letters: those after this one."""
    skip: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Lines on the pages before."""

    def link(self, **changed: str | int | None) -> str:
        """The query string of a list that differs in what is given."""
        told = self.model_dump(exclude_none=True, exclude_defaults=True)
        wanted = {**told, "before": None, "skip": None, **changed}
        return "?" + urlencode({n: v for n, v in wanted.items() if v not in (None, "")})

    def with_terms(self, more: LetterFilter, **changed: str | None) -> str:
        """The same of a list that is searched for more."""
        return self.link(q=f"{self.q} {more.described}".strip(), **changed)

    def grouping(self, chosen: LetterFilter) -> By | None:
        """What its lines have in common; None when letters are listed singly."""
        if self.by == "letter" or (chosen.fingerprint and not self.by):
            return None
        return self.by or "failure"


class Frozen(Chosen):
    """What a page showed and one of its buttons is for."""

    verb: Literal["replay", "discard", "restore"] = "replay"
    as_of: AwareDatetime
    """When the page was made."""


class Wanted(Chosen):
    """What is to be written into a file."""

    format: Literal["csv", "ndjson"] = "csv"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grouped list, and the address of its letters."""

    alike: Alike
    label: str
    """What they have in common; empty for a failure, which its sample tells."""
    url: str
    """Empty where no search finds them: bytes that are no event have no type."""


def command_of(asked: Asked, chosen: LetterFilter) -> str:
    """The line that lists the same in a terminal."""
    words = ["manage.py", "deadletters", "list"]
    if asked.state != "open":
        words += ["--state", asked.state]
    if not chosen.empty:
        words += ["--search", chosen.described]
    return shlex.join(words)


def line_of(alike: Alike, by: By, asked: Asked, chosen: LetterFilter) -> Line:
    """A line with the link to what it stands for."""
    key = alike.key[0]
    if by == "failure":
        return Line(alike, "", asked.link(group=key, failure=alike.key[1], by=None))
    if by == "group":
        return Line(alike, key, asked.link(group=key, by=None))
    if not key:
        return Line(alike, "not an event" if by == "type" else "no version", "")
    more = LetterFilter(event_type=key) if by == "type" else LetterFilter(version=key)
    given = chosen.event_type if by == "type" else chosen.version
    return Line(alike, key, asked.link(by=None) if given else asked.with_terms(more, by=None))
