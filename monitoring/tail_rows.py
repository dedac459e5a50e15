"""What a viewer of the tail asks for, and the rows it gets: the same on the page and by socket."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field

from events.queries import tail
from events.queries.lines import Line
from events.queries.newest import Where, newest
from events.queries.tail import Seen
from monitoring.tail_filter import Filter, parse

FIRST_ROWS = 50
"""Rows of the page before the socket brings more."""

FILL_ROWS = 200
"""Rows that one filling of a gap brings; what is left is a smaller gap."""


class TailQuery(BaseModel):
    """What of the bus somebody wants to see: the query string of the page, word for word."""

    model_config = ConfigDict(frozen=True)

    q: str = Field("", max_length=2000)
    domain: tuple[str, ...] = Field((), max_length=20)
    type: tuple[str, ...] = Field((), max_length=50)

    def filter(self) -> Filter:
        """The filter it means. Raises FilterError."""
        return parse(self.q, tail.streams(), self.domain, self.type)

    def address(self, **more: object) -> str:
        """As a query string, without what is empty."""
        given = {"q": self.q, "domain": self.domain, "type": self.type, **more}
        return urlencode({name: value for name, value in given.items() if value}, doseq=True)


class GapQuery(TailQuery):
    """A stretch of time that was skipped."""

    after: int = Field(ge=0)
    """Milliseconds since 1970 of the last row shown before it."""
    before: int = Field(ge=0)
    """The same of the first row shown after it."""
    count: int = Field(0, ge=0)
    """How many events are said to lie in it; 0 when that is not known."""


def rows(lines: Iterable[Line]) -> str:
    """Lines as table rows, in the order given."""
    return "".join(render_to_string("live/_row.html", {"line": line}) for line in lines)


def gap_row(query: TailQuery, after: int, before: int, count: int, per_s: float = 0.0) -> str:
    """The row that stands for what was skipped; `count` 0 when nobody counted."""
    plain = TailQuery(q=query.q, domain=query.domain, type=query.type)
    address = plain.address(after=after, before=before, count=count)
    context = {"url": f"{reverse('live-gap')}?{address}", "count": count, "per_s": per_s}
    return render_to_string("live/_gap.html", context)


def first_rows(wanted: Filter) -> tuple[Line, ...]:
    """The newest stored events that the filter wants, newest first."""
    known = tail.streams()
    chosen = wanted.streams(known)
    types = None if len(chosen) == len(known) else {stream.event_type for stream in chosen}
    where = Where(
        types=types,
        entity_ids={part for entity in wanted.entities for part in _ids(entity)},
        correlation_ids=wanted.correlations,
    )
    return newest(where, lambda line: _is_wanted(line, wanted, types), FIRST_ROWS)


def _ids(entity: str) -> set[str]:
    """What ``user:123`` may mean: the id with its label, or one that holds a colon itself."""
    return {entity, entity.partition(":")[2]} - {""}


def _is_wanted(line: Line, wanted: Filter, types: Collection[str] | None) -> bool:
    return (types is None or line.event_type in types) and wanted.admits(line)


@dataclass(frozen=True, slots=True)
class Filled:
    """Rows of a stretch, newest first; above them a gap row when more is left than fits."""

    html: str
    rows: int
    until_ms: int
    """Time of the newest row."""
    left: int
    """How many are said to be left; 0 when none are, or nobody counted."""


def filled(query: TailQuery, after: int, before: int | None, count: int) -> Filled:
    """Read a stretch from the bus. Raises BusUnavailable and FilterError."""
    wanted = query.filter()
    names = frozenset(stream.name for stream in wanted.streams(tail.streams()))

    def is_wanted(seen: Seen) -> bool:
        return wanted.wants(seen, names)

    found = tail.between(names, after, before, is_wanted, FILL_ROWS)
    newest_first = found.lines[::-1]
    until = newest_first[0].at_ms if newest_first else after
    if found.complete:
        return Filled(rows(newest_first), len(newest_first), until, left=0)
    end = before if before is not None else tail.now_ms()
    left = max(0, count - len(newest_first))
    gap = gap_row(query, until, end, left)
    return Filled(gap + rows(newest_first), len(newest_first), until, left)
