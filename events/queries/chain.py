"""A chain: all events of one correlation id, who caused what, who handled it, what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from events.envelope import now
from events.groups import groups
from events.models import StoredEvent
from events.queries import chain_steps, chain_tree, words
from events.queries.chain_steps import Status, Step
from events.queries.chain_time import TimeShares, last_handled_at, last_said_at, shares
from events.queries.chain_tree import Node
from events.queries.outcomes import Outcome, outcomes_of
from events.queries.recorded import Recorded
from events.queries.timeline import Timeline

MAX_EVENTS = 5_000
"""Events of a chain that are read; a longer one says how many it has."""

MAX_STEPS = 600
"""Rows that are drawn; the JSON has them all."""

YOUNG = timedelta(seconds=60)
"""A chain that changed this lately is looked at every second, an older one every five."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as of `at`."""

    at: datetime
    correlation_id: UUID
    title: str
    status: Status
    began_at: datetime
    took_s: float
    """From its first event until its newest."""
    settled_s: float
    """From its first event until some group last finished with any of its events."""
    count: int
    """Events in the chain; more than were read when it is longer than MAX_EVENTS."""
    domains: tuple[str, ...]
    synthetic: bool
    steps: tuple[Step, ...]
    steps_left_out: int
    timeline: Timeline
    shares: TimeShares
    recorded: tuple[Recorded, ...]
    reads: Mapping[UUID, tuple[Outcome, ...]]
    """By event, how it stands in every group that reads it."""
    absent: tuple[Node, ...]
    """What is expected and not there, and groups in trouble."""
    bus_reason: str
    refresh_s: int | None
    """When to look again; None once nothing can change by itself."""

    @property
    def complete(self) -> bool:
        """All that has to happen has happened."""
        return self.status.kind == "ok"

    @property
    def id_text(self) -> str:
        """The correlation id as one writes it."""
        return str(self.correlation_id)

    @property
    def took(self) -> str:
        """`took_s` in words."""
        return words.span(self.took_s)

    @property
    def scale_end(self) -> str:
        """The last instant of the scale of the time bars, in words."""
        return words.span(self.timeline.end_s)

    @property
    def fingerprint(self) -> str:
        """Changes when what is shown does; ages that grow by themselves do not count."""
        shown = [(s.id, s.status.kind, s.handled, s.made and s.made.attempts) for s in self.steps]
        return hashlib.sha256(repr((self.status.words, shown)).encode()).hexdigest()[:12]

    @property
    def truncated(self) -> bool:
        """Events beyond MAX_EVENTS were not read."""
        return self.count > len(self.recorded)


def load(correlation_id: UUID, unfold: frozenset[str] = frozenset()) -> Chain | None:
    """The chain of a correlation id, or None when the store has no event of it.

    `unfold` names folded rows to draw singly. Costs one statement on the index of correlation ids
    (MAX_EVENTS rows at most) and what `outcomes_of` costs.
    """
    rows = StoredEvent.objects.filter(correlation_id=correlation_id)
    recorded = tuple(Recorded.of(row) for row in rows.order_by("seq")[:MAX_EVENTS])
    if not recorded:
        return None
    count = len(recorded) if len(recorded) < MAX_EVENTS else rows.count()
    return build(recorded, now(), unfold, count)


def build(recorded: Sequence[Recorded], at: datetime, unfold: frozenset[str], count: int) -> Chain:
    """Put a chain together from its events in the order they were stored."""
    outcomes = outcomes_of(recorded, at)
    roots = chain_tree.tree(recorded, outcomes, {group.name: group for group in groups()})
    nodes = tuple(chain_tree.walk(roots))
    root = recorded[0]
    last_at = last_handled_at(recorded, outcomes)
    timeline = chain_steps.timeline_of(nodes, root.stored_at, at)
    drawn = tuple(chain_steps.steps(chain_tree.folded(roots, unfold), timeline, root.stored_at, at))
    return Chain(
        at=at,
        correlation_id=root.event.correlation_id,
        title=words.chain_title(root.event),
        status=_status(nodes, outcomes.bus_reason),
        began_at=root.stored_at,
        took_s=(last_said_at(recorded) - root.stored_at).total_seconds(),
        settled_s=(last_at - root.stored_at).total_seconds(),
        count=count,
        domains=tuple(dict.fromkeys(record.event.domain for record in recorded)),
        synthetic=root.event.synthetic,
        steps=drawn[:MAX_STEPS],
        steps_left_out=max(0, len(drawn) - MAX_STEPS),
        timeline=timeline,
        shares=shares(recorded, outcomes),
        recorded=tuple(recorded),
        reads=outcomes.by_event,
        absent=tuple(node for node in nodes if node.kind in ("expected", "work")),
        bus_reason=outcomes.bus_reason,
        refresh_s=_refresh_s(nodes, at - last_at),
    )


def _status(nodes: Sequence[Node], bus_reason: str) -> Status:
    """The whole chain in one sentence."""
    troubles = _troubles(nodes)
    waiting = sum(not outcome.settled for node in nodes for outcome in node.reads)
    if troubles:
        (first, count), *others = troubles
        parts = [f"{count} of {len(nodes)} steps {first}", *(f"{n} {word}" for word, n in others)]
        return Status("warn" if first == "overdue" else "bad", ", ".join(parts))
    if waiting and bus_reason:
        return Status("warn", f"unknown, {words.plural(waiting, 'handling')} may be to come")
    if waiting:
        return Status("info", f"in progress, {words.plural(waiting, 'handling')} to come")
    if any(node.record and node.record.relayed_at is None for node in nodes):
        return Status("info", "in progress, waits for the bus")
    return Status("ok", "complete")


def _troubles(nodes: Sequence[Node]) -> list[tuple[str, int]]:
    failing = [node.made for node in nodes if node.failing and node.made]
    retrying = sum(outcome.state == "retry" for outcome in failing)
    replaying = sum(not outcome.settled for outcome in failing) - retrying
    counts = {
        "failed": len(failing) - retrying - replaying,
        "retrying": retrying,
        "being replayed": replaying,
        "overdue": sum(node.missing for node in nodes),
    }
    return [(word, count) for word, count in counts.items() if count]


def _refresh_s(nodes: Sequence[Node], idle: timedelta) -> int | None:
    """Seconds until it is worth looking again; a failure may be replayed at any time."""
    active = any(not outcome.settled for node in nodes for outcome in node.reads)
    waits = any(node.record and node.record.relayed_at is None for node in nodes)
    if (active or waits) and idle < YOUNG:
        return 1
    return 5 if active or waits or any(node.failing for node in nodes) else None
