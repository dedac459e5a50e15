"""Everything the overview shows, put together once for the page and for every open tab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from events.queries import dead_letters
from events.queries.dead_letters import Letter
from events.queries.snapshot import GroupState, Snapshot
from monitoring import samples
from monitoring.attention import BEHIND_S, Flow, Need, needs
from monitoring.charts import Point
from monitoring.formats import counted, duration, number, rate, spelled
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
class GroupRow:
    """One group as the overview lists it."""

    state: GroupState
    flow: Flow
    series: Series
    outlook: str
    """Status kind: ok, warn or bad."""
    outlook_text: str

    @property
    def variants(self) -> str:
        """Of its sparkline."""
        return "bad" if (self.state.oldest_waiting_s or 0) >= BEHIND_S else ""


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

    @property
    def window_label(self) -> str:
        """The window as a column heading."""
        return LABELS[self.window]


def overview(snapshot: Snapshot, window: str) -> Overview:
    """Read the samples of a window and put the page together. At most six SQL statements."""
    recent, past = _recent(snapshot), samples.history(WINDOWS[window])
    flows = {group.name: _flow(recent, group.name) for group in snapshot.groups}
    found = needs(snapshot, flows.__getitem__, readings.bus_seen_at)
    domains = _domains(snapshot, recent, past)
    return Overview(
        at=snapshot.at,
        window=window,
        sentence=_sentence(snapshot, recent.rate_now(published), domains, len(found)),
        needs=found,
        quiet_since=None if found else samples.quiet_since(),
        figures=_figures(snapshot, recent, past),
        groups=_groups(snapshot, flows, past),
        group_count=len(snapshot.groups),
        domains=domains,
        failures=dead_letters.letters(size=FAILURES_SHOWN).rows,
    )


def needs_count(snapshot: Snapshot) -> int:
    """How many things need attention, for the sample that is about to be kept."""
    recent = _recent(snapshot)
    return len(needs(snapshot, lambda name: _flow(recent, name)))


def published(values: samples.Values) -> int | None:
    """Total of events appended to the bus."""
    return values.published


def handled(values: samples.Values) -> int | None:
    """Total of deliveries finished, over all groups."""
    return values.handled


def _recent(snapshot: Snapshot) -> samples.History:
    """Present rates are unknown while the bus is: the last ones are not the present."""
    return samples.recent() if snapshot.bus.reachable else samples.History(())


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


def _groups(
    snapshot: Snapshot, flows: Mapping[str, Flow], past: samples.History
) -> tuple[GroupRow, ...]:
    worst = snapshot.worst_first()[:GROUPS_SHOWN]
    return tuple(
        GroupRow(
            state,
            flows[state.name],
            past.states(_group_age(state.name)),
            *_outlook(state, flows[state.name]),
        )
        for state in worst
    )


def _outlook(state: GroupState, flow: Flow) -> tuple[str, str]:
    """Whether a group catches up, as a status kind and its word."""
    if state.lag is None:
        return "warn", "unknown"
    drains_s = flow.drains_in_s(state.lag)
    behind = (state.oldest_waiting_s or 0) >= BEHIND_S
    if behind and drains_s is None:
        return "bad" if not state.workers else "warn", "not draining"
    if behind:
        return "warn", duration(drains_s)
    if state.dead_letters:
        return "bad", f"{number(state.dead_letters)} failed"
    if state.retries_waiting:
        return "warn", counted(state.retries_waiting, "retry", "retries")
    return "ok", "keeps up"


def _domains(
    snapshot: Snapshot, recent: samples.History, past: samples.History
) -> tuple[DomainRow, ...]:
    types = Counter(stream.domain for stream in snapshot.streams)
    return tuple(
        DomainRow(name, recent.rate_now(_domain(name)), past.rates(_domain(name)), types[name])
        for name in types
    )


def _flow(recent: samples.History, name: str) -> Flow:
    return Flow(
        recent.rate_now(lambda values: _group(values, name, "added")),
        recent.rate_now(lambda values: _group(values, name, "delivered")),
    )


def _group(values: samples.Values, name: str, field: str) -> int | None:
    group = values.groups.get(name)
    found: int | None = getattr(group, field) if group else None
    return found


def _group_age(name: str) -> Callable[[samples.Values], float | None]:
    return lambda values: values.groups[name].age_s if name in values.groups else None


def _domain(name: str) -> Callable[[samples.Values], int | None]:
    return lambda values: values.domains.get(name)
