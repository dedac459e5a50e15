"""Groups as lists show them: the present state, rates and trend of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from events.queries.snapshot import GroupState, Snapshot
from monitoring import samples
from monitoring.attention import BEHIND_S, Flow, standing
from monitoring.charts import Point
from monitoring.formats import counted, duration, number

WINDOW_S = 3600
"""What the sparklines of the groups' own pages show, in seconds."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group as a list shows it."""

    state: GroupState
    flow: Flow
    series: tuple[Point, ...]
    """Age of its oldest waiting entry, in seconds."""
    outlook: str
    """Status kind: ok, warn or bad."""
    outlook_text: str

    @property
    def standing(self) -> str:
        """Of a paused group: whether its workers stand still."""
        return standing(self.state)

    @property
    def variants(self) -> str:
        """Of its sparkline."""
        return "bad" if (self.state.oldest_waiting_s or 0) >= BEHIND_S else ""


def rows(snapshot: Snapshot) -> tuple[GroupRow, ...]:
    """Every group, worst first, with its last hour. Two SQL statements."""
    past = samples.history(WINDOW_S)
    return tuple(rows_of(snapshot.worst_first(), present(snapshot), past))


def row(snapshot: Snapshot, name: str) -> GroupRow | None:
    """One group with its last hour, or None. Two SQL statements."""
    state = snapshot.group(name)
    found = [state] if state else []
    return next(rows_of(found, present(snapshot), samples.history(WINDOW_S)), None)


def rows_of(
    states: Iterable[GroupState], recent: samples.History, past: samples.History
) -> Iterator[GroupRow]:
    """Rows in the order of `states`."""
    for state in states:
        flow = flow_of(state.name, recent)
        yield GroupRow(state, flow, past.states(_age(state.name)), *outlook(state, flow))


def present(snapshot: Snapshot) -> samples.History:
    """Present rates are unknown while the bus is: the last ones are not the present."""
    return samples.recent() if snapshot.bus.reachable else samples.History(())


def flow_of(name: str, recent: samples.History) -> Flow:
    """How fast entries come to a group and are finished, now."""
    return Flow(
        recent.rate_now(_figure(name, "added")),
        recent.rate_now(_figure(name, "delivered")),
    )


def outlook(state: GroupState, flow: Flow) -> tuple[str, str]:
    """Whether a group catches up, as a status kind and its words: the worst that is true."""
    if state.paused:
        return "warn", f"pausing: {standing(state)}" if state.finishing else "paused"
    if state.lag is None:
        return "warn", "unknown"
    if state.breakers:
        return "warn", "breaker open"
    drains_s = flow.drains_in_s(state.lag)
    behind = (state.oldest_waiting_s or 0) >= BEHIND_S
    if behind and drains_s is None:
        return "bad" if not state.workers else "warn", "not draining"
    if behind:
        return "warn", f"drains in {duration(drains_s)}"
    if not state.workers:
        return "warn", "no worker"
    if state.dead_letters:
        return "bad", f"{number(state.dead_letters)} failed"
    if state.retries_waiting:
        return "warn", counted(state.retries_waiting, "retry", "retries")
    return "ok", "keeps up"


def _figure(name: str, field: str) -> Callable[[samples.Values], int | None]:
    def read(values: samples.Values) -> int | None:
        found: int | None = getattr(values.groups.get(name), field, None)
        return found

    return read


def _age(name: str) -> Callable[[samples.Values], float | None]:
    return lambda values: values.groups[name].age_s if name in values.groups else None
