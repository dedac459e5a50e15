"""What one wants to see of the tail: typed qualifiers and words, with plain errors.

    domain:trading,financial   type:XPGained   entity:123 or entity:user:123
    correlation:019aa4c2-...   producer:revenue_trackers   stream:astra.trading.tradeexecuted.v1
    value>1000   kind=like     a field of the payload compared
    anything else              must occur in type, entity or payload, whatever its case

Several values of one qualifier are alternatives; different qualifiers must all hold. Masked values
cannot be searched for: matching sees what the reader sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from events.queries.lines import Line
from events.queries.tail import Seen, TailStream

QUALIFIERS = ("domain", "type", "stream", "entity", "correlation", "producer")

LONGEST = 400
"""Characters of a filter."""

MOST_TERMS = 20
"""Terms of a filter; each is looked at for every event."""


class FilterError(ValueError):
    """A filter that cannot be understood; the message is for the one who typed it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field of the payload against a value: ``value>1000``."""

    name: str
    operator: str
    value: str

    def holds(self, line: Line) -> bool:
        """Whether the payload has the field and it compares; numbers as numbers."""
        if self.name not in line.payload:
            return False
        found = str(line.payload[self.name])
        if self.operator == "=":
            return found.lower() == self.value.lower()
        try:
            ours, theirs = Decimal(found), Decimal(self.value)
        except InvalidOperation:
            return False
        return ours > theirs if self.operator == ">" else ours < theirs


@dataclass(frozen=True, slots=True)
class Filter:
    """What a viewer wants; equal filters share one feed."""

    domains: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    """Lower case, with or without the domain."""
    named_streams: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    correlations: frozenset[str] = frozenset()
    producers: frozenset[str] = frozenset()
    comparisons: tuple[Comparison, ...] = field(default=())
    words: tuple[str, ...] = ()

    @property
    def looks_inside(self) -> bool:
        """Whether the stream alone does not decide."""
        return bool(
            self.entities or self.correlations or self.producers or self.comparisons or self.words
        )

    def streams(self, known: Iterable[TailStream]) -> tuple[TailStream, ...]:
        """The streams whose events it may want."""
        return tuple(
            stream
            for stream in known
            if (not self.domains or stream.domain in self.domains)
            and (not self.types or self._names(stream.event_type) & self.types)
            and (not self.named_streams or stream.name in self.named_streams)
        )

    def admits(self, line: Line) -> bool:
        """Whether an event of one of its streams is wanted."""
        return (
            (not self.entities or bool(self._spellings(line) & self.entities))
            and (not self.correlations or line.correlation_id in self.correlations)
            and (not self.producers or line.producer.partition("@")[0] in self.producers)
            and all(comparison.holds(line) for comparison in self.comparisons)
            and self._has_words(line)
        )

    def wants(self, seen: Seen, streams: Collection[str]) -> bool:
        """Whether an entry is wanted; decodes it only when that is needed."""
        return seen.stream in streams and (not self.looks_inside or self.admits(seen.line))

    def _has_words(self, line: Line) -> bool:
        if not self.words:
            return True
        shown = json.dumps(dict(line.payload), ensure_ascii=False, default=str)
        text = f"{line.event_type} {line.entity_label}:{line.entity_id} {shown}".lower()
        return all(word in text for word in self.words)

    @staticmethod
    def _names(event_type: str) -> set[str]:
        return {event_type.lower(), event_type.partition(".")[2].lower()}

    @staticmethod
    def _spellings(line: Line) -> set[str]:
        return {line.entity_id, f"{line.entity_label}:{line.entity_id}"}


def parse(
    text: str, known: Sequence[TailStream], domains: Iterable[str] = (), types: Iterable[str] = ()
) -> Filter:
    """The filter of a text and of the choices beside it. Raises FilterError."""
    if len(text) > LONGEST:
        raise FilterError(f"A filter has at most {LONGEST} characters; this one has {len(text)}.")
    terms = text.split()
    if len(terms) > MOST_TERMS:
        raise FilterError(f"A filter has at most {MOST_TERMS} terms; this one has {len(terms)}.")
    values: dict[str, set[str]] = {name: set() for name in QUALIFIERS}
    values["domain"].update(domain.lower() for domain in domains)
    values["type"].update(name.lower() for name in types)
    comparisons: list[Comparison] = []
    words: list[str] = []
    for term in terms:
        if match := re.fullmatch(r"([A-Za-z_]+):(.+)", term):
            _add(values, match[1].lower(), match[2])
        elif match := re.fullmatch(r"([A-Za-z_]\w*)([<>=])(.+)", term):
            comparisons.append(_comparison(match[1], match[2], match[3]))
        else:
            words.append(term.lower())
    _check(values, known)
    return Filter(
        domains=frozenset(values["domain"]),
        types=frozenset(values["type"]),
        named_streams=frozenset(values["stream"]),
        entities=frozenset(values["entity"]),
        correlations=frozenset(value.lower() for value in values["correlation"]),
        producers=frozenset(values["producer"]),
        comparisons=tuple(comparisons),
        words=tuple(words),
    )


def _add(values: dict[str, set[str]], name: str, given: str) -> None:
    if name not in values:
        raise FilterError(f"There is no qualifier “{name}”; use {_listed(QUALIFIERS)}.")
    found = [value for value in given.split(",") if value]
    values[name].update(found if name == "entity" else (value.lower() for value in found))


def _comparison(name: str, operator: str, value: str) -> Comparison:
    if operator != "=":
        try:
            Decimal(value)
        except InvalidOperation:
            raise FilterError(
                f"“{name}{operator}{value}” compares with a number, and “{value}” is none."
            ) from None
    return Comparison(name, operator, value)


def _check(values: dict[str, set[str]], known: Sequence[TailStream]) -> None:
    domains = {stream.domain for stream in known}
    if unknown := values["domain"] - domains:
        raise FilterError(
            f"There is no domain “{min(unknown)}”; there are {_listed(sorted(domains))}."
        )
    names = {name for stream in known for name in Filter._names(stream.event_type)}
    if unknown := values["type"] - names:
        raise FilterError(f"There is no event type “{min(unknown)}”; the registry lists them.")
    if unknown := values["stream"] - {stream.name for stream in known}:
        raise FilterError(f"There is no stream “{min(unknown)}”; the registry lists them.")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
