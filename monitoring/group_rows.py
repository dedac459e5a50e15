"""Groups as the pages list them: the present state, rates and trend of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from events.queries.snapshot import GroupState, Snapshot
from monitoring import samples
from monitoring.attention import BEHIND_S, Flow
from monitoring.charts import Point
from monitoring.formats import counted, duration

WINDOW_S = 3600
"""What the sparklines show, in seconds."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group as a list shows it."""

    state: GroupState
    flow: Flow
    series: tuple[Point, ...]
    outlook: str
    """Status kind: ok, warn, bad or none."""
    outlook_text: str

    @property
    def variants(self) -> str:
        """Of its sparkline."""
        return "bad" if (self.state.oldest_waiting_s or 0) >= BEHIND_S else ""


def rows(snapshot: Snapshot) -> tuple[GroupRow, ...]:
    """Every group, worst first. Two SQL statements."""
    recent, past = samples.recent(), samples.history(WINDOW_S)
    return tuple(_row(state, recent, past) for state in snapshot.worst_first())


def row(snapshot: Snapshot, name: str) -> GroupRow | None:
    """One group. Two SQL statements."""
    state = snapshot.group(name)
    return _row(state, samples.recent(), samples.history(WINDOW_S)) if state else None


def flow_of(name: str, recent: samples.History) -> Flow:
    """How fast entries come to a group and are finished, now."""
    return Flow(
        recent.rate_now(_figure(name, "added")),
        recent.rate_now(_figure(name, "delivered")),
    )


def outlook(state: GroupState, flow: Flow) -> tuple[str, str]:
    """Whether a group catches up, as a status kind and its words."""
    if state.lag is None:
        return "none", "unknown"
    drains_s = flow.drains_in_s(state.lag)
    behind = (state.oldest_waiting_s or 0) >= BEHIND_S
    if behind and drains_s is None:
        return "bad" if not state.workers else "warn", "not draining"
    if behind:
        return "warn", f"drains in {duration(drains_s)}"
    if not state.workers:
        return "warn", "no worker"
    if state.dead_letters:
        return "bad", counted(state.dead_letters, "dead letter")
    if state.retries_waiting:
        return "warn", counted(state.retries_waiting, "retry", "retries")
    return "ok", "keeps up"


def _row(state: GroupState, recent: samples.History, past: samples.History) -> GroupRow:
    flow = flow_of(state.name, recent)
    return GroupRow(state, flow, past.states(_age(state.name)), *outlook(state, flow))


def _figure(name: str, field: str) -> Callable[[samples.Values], int | None]:
    def read(values: samples.Values) -> int | None:
        found: int | None = getattr(values.groups.get(name), field, None)
        return found

    return read


def _age(name: str) -> Callable[[samples.Values], float | None]:
    return lambda values: values.groups[name].age_s if name in values.groups else None
