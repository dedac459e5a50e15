"""Everything the overview shows, put together once for the page and for every open tab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from events.queries import dead_letters
from events.queries.dead_letters import Letter
from events.queries.snapshot import Snapshot
from monitoring import samples
from monitoring.attention import BEHIND_S, Need, needs
from monitoring.charts import Point
from monitoring.formats import counted, duration, number, rate, spelled
from monitoring.group_rows import GroupRow, flow_of, present, rows_of
from monitoring.headroom import least, rooms
from monitoring.readings import readings

WINDOWS = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400}
"""The windows of the charts: name in the URL -> seconds."""

LABELS = {"1h": "1 h", "24h": "24 h", "7d": "7 d"}

GROUPS_SHOWN = 6
"""The worst groups; the others are one click away."""

FAILURES_SHOWN = 5
"""The newest open dead letters."""

Series = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline number with its trend."""

    name: str
    value: str
    unit: str
    page: str
    series: Series
    variants: str = "wide"
    """Of its sparkline."""


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain that publishes."""

    name: str
    published: float | None
    series: Series
    types: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page."""

    at: datetime
    window: str
    sentence: str
    needs: tuple[Need, ...]
    quiet_since: datetime | None
    figures: tuple[Figure, ...]
    groups: tuple[GroupRow, ...]
    group_count: int
    domains: tuple[DomainRow, ...]
    failures: tuple[Letter, ...]
    silenced: int
    """Open dead letters of failures that somebody has silenced."""

    @property
    def window_label(self) -> str:
        """The window as a column heading."""
        return LABELS[self.window]


def overview(snapshot: Snapshot, window: str) -> Overview:
    """Read the samples of a window and put the page together. At most seven SQL statements."""
    recent, past = present(snapshot), samples.history(WINDOWS[window])
    found = needs(
        snapshot,
        lambda name: flow_of(name, recent),
        partial(least, rooms(snapshot)),
        readings.bus_seen_at,
    )
    domains = _domains(snapshot, recent, past)
    return Overview(
        at=snapshot.at,
        window=window,
        sentence=_sentence(snapshot, recent.rate_now(published), domains, len(found)),
        needs=found,
        quiet_since=None if found else samples.quiet_since(),
        figures=_figures(snapshot, recent, past),
        groups=tuple(rows_of(snapshot.worst_first()[:GROUPS_SHOWN], recent, past)),
        group_count=len(snapshot.groups),
        domains=domains,
        failures=dead_letters.letters(size=FAILURES_SHOWN).rows,
        silenced=sum(snapshot.dead_letters_silenced.values()),
    )


def needs_count(snapshot: Snapshot) -> int:
    """How many things need attention, for the sample that is about to be kept."""
    recent = present(snapshot)
    return len(needs(snapshot, lambda name: flow_of(name, recent), partial(least, rooms(snapshot))))


def published(values: samples.Values) -> int | None:
    """Total of events appended to the bus."""
    return values.published


def handled(values: samples.Values) -> int | None:
    """Total of deliveries finished, over all groups."""
    return values.handled


def _sentence(
    snapshot: Snapshot, rate_now: float | None, domains: tuple[DomainRow, ...], need_count: int
) -> str:
    active = sum(bool(domain.published) for domain in domains)
    if not snapshot.bus.reachable:
        flow = "The bus does not answer"
    elif rate_now is None:
        flow = "Measuring"
    elif not rate_now:
        flow = "No events at the moment"
    else:
        across = f"{spelled(active)} domain{'' if active == 1 else 's'}"
        flow = f"{rate(rate_now)} events/s across {across}"
    if not need_count:
        return f"{flow}; nothing needs attention"
    things = "thing needs" if need_count == 1 else "things need"
    return f"{flow}; {spelled(need_count)} {things} attention"


def _figures(
    snapshot: Snapshot, recent: samples.History, past: samples.History
) -> tuple[Figure, ...]:
    ages = [group.oldest_waiting_s for group in snapshot.groups]
    known = [age for age in ages if age is not None]
    workers = [worker for worker in snapshot.workers if worker.kind == "worker"]
    failing = len(snapshot.dead_letters_by_group)
    return (
        Figure("Published", rate(recent.rate_now(published)), "/s", "live", past.rates(published)),
        Figure("Handled", rate(recent.rate_now(handled)), "/s", "groups", past.rates(handled)),
        Figure(
            "Oldest waiting",
            _waiting(max(known, default=None)),
            "",
            "groups",
            past.states(lambda values: values.oldest_s),
            "wide bad" if known and max(known) >= BEHIND_S else "wide",
        ),
        Figure(
            "Dead letters open",
            number(snapshot.dead_letters_open),
            f"in {counted(failing, 'group')}" if failing else "",
            "dead-letters",
            past.states(lambda values: values.dead),
            "wide soft",
        ),
        Figure(
            "Workers live",
            number(len(workers)) if snapshot.bus.reachable else "—",
            f"{number(sum(worker.in_flight for worker in workers))} in flight" if workers else "",
            "workers",
            past.states(lambda values: values.workers),
            "wide soft",
        ),
    )


def _waiting(seconds: float | None) -> str:
    return "none" if seconds == 0 else duration(seconds)


def _domains(
    snapshot: Snapshot, recent: samples.History, past: samples.History
) -> tuple[DomainRow, ...]:
    types = Counter(stream.domain for stream in snapshot.streams)
    return tuple(
        DomainRow(name, recent.rate_now(_domain(name)), past.rates(_domain(name)), types[name])
        for name in types
    )


def _domain(name: str) -> Callable[[samples.Values], int | None]:
    return lambda values: values.domains.get(name)
