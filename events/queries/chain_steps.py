"""The rows of a chain's tree, ready to be drawn: branch lines, words, time bars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from events.queries import words
from events.queries.chain_tree import Kind, Node, walk
from events.queries.outcomes import Outcome
from events.queries.recorded import Recorded
from events.queries.timeline import Timeline

StatusKind = Literal["ok", "warn", "bad", "info", "none"]
Style = Literal["done", "failing", "missing", "waiting"]
RAILS = {"│  ": "line", "├─ ": "tee", "└─ ": "end", "   ": "none"}
"""How a page draws what a terminal writes."""

HEADROOM = 1.2
"""A chain with a failure has a scale this much longer than what happened so far."""

TIMES = "\u00d7"
"""The multiplication sign before the number of a fold."""

Interval = tuple[datetime, datetime, datetime]
"""Waits from, runs from, runs until."""


@dataclass(frozen=True, slots=True)
class Status:
    """A state: its colour and shape by `kind`, and the words."""

    kind: StatusKind
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A time bar, in per cent of the scale: pale while waiting, then in its `style`."""

    wait_x: float
    wait_width: float
    run_x: float
    run_width: float
    style: Style


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the tree."""

    id: str
    kind: Kind
    branch: str
    """Lines that lead to the row, three characters a level."""
    domain: str
    event_type: str
    """For `work` the name of the group."""
    says: str
    group: str
    """The group that said it, or should have; for what no group said, its producer."""
    status: Status
    after_root_s: float | None = None
    bar: Bar | None = None
    record: Recorded | None = None
    made: Outcome | None = None
    """How `group` handled the event's parent."""
    reads: tuple[Outcome, ...] = ()
    """What the groups that read this event did with it."""
    folded: int = 0
    folded_failing: int = 0
    unfold: str = ""
    """Names the fold for `unfold`; empty when it is unfolded as far as it goes."""

    @property
    def rails(self) -> tuple[str, ...]:
        """The branch as one word a level: line, tee, end or none."""
        return tuple(RAILS[self.branch[i : i + 3]] for i in range(0, len(self.branch), 3))

    @property
    def after(self) -> str:
        """How long after the root it was said."""
        return "" if self.after_root_s is None else f"+{words.span(self.after_root_s)}"

    @property
    def handled(self) -> int:
        """How many of the groups that read the event have handled it."""
        return sum(outcome.state in ("handled", "ignored") for outcome in self.reads)

    @property
    def trouble(self) -> bool:
        """A group that reads the event failed or is overdue."""
        return any(o.failing or o.state == "overdue" for o in self.reads)


def steps(
    roots: Sequence[Node], timeline: Timeline, began: datetime, at: datetime
) -> Iterator[Step]:
    """The rows of a folded tree, top to bottom, as of `at`."""
    stack = [(root, "", True, True) for root in reversed(roots)]
    while stack:
        node, indent, last, is_root = stack.pop()
        branch = "" if is_root else indent + ("└─ " if last else "├─ ")
        yield _step(node, branch, timeline, began, at)
        below = "" if is_root else indent + ("   " if last else "│  ")
        for index, child in reversed(list(enumerate(node.children))):
            stack.append((child, below, index == len(node.children) - 1, False))


def timeline_of(nodes: Iterable[Node], began: datetime, at: datetime) -> Timeline:
    """The scale on which the bars of these nodes are drawn; what fails gets room to be seen."""
    drawn = list(nodes)
    instants = [
        (instant - began).total_seconds() for node in drawn for instant in _interval(node, at) or ()
    ]
    room = HEADROOM if any(node.failing for node in drawn) else 1.0
    return Timeline.of([*instants, max(instants, default=0.0) * room])


def status_of(node: Node, at: datetime) -> Status:
    """The state of a row in words."""
    if node.kind == "fold":
        return _fold_status(node)
    if node.record is not None:
        return _said_status(node, node.record)
    if node.made is None:
        return Status("none", "unknown")
    return outcome_status(node.made, at, promised=node.kind == "expected")


def outcome_status(outcome: Outcome, at: datetime, *, promised: bool = False) -> Status:
    """The state of an event in a group in words; `promised`: of an event it should have said."""
    took = words.duration(outcome.took_s or 0.0)
    match outcome.state:
        case "handled" if promised:
            return Status("warn", "never came")
        case "handled":
            tries = f", attempt {outcome.attempts}" if outcome.attempts > 1 else ""
            again = ", edited" if outcome.handled_edited else ", replayed"
            return Status("ok", took + (again if outcome.failed else tries))
        case "ignored":
            return Status("none", "not for it")
        case "retry" if outcome.due_at and outcome.due_at > at:
            left = words.duration((outcome.due_at - at).total_seconds())
            return Status("bad", f"retry {outcome.attempts} in {left}")
        case "retry":
            return Status("bad", f"retry {outcome.attempts} due")
        case "dead":
            return _dead_status(outcome)
        case "overdue" if outcome.since:
            late = words.duration((at - outcome.since).total_seconds())
            return Status("warn", f"overdue {late}")
        case "waiting":
            return Status("info", "waiting")
        case _:
            return Status("none", "unknown")


def _dead_status(outcome: Outcome) -> Status:
    state = outcome.failed.state if outcome.failed else "new"
    if state == "replaying":
        return Status("info", "being replayed")
    if outcome.failing:
        return Status("bad", "dead letter")
    return Status("none", state)


def _fold_status(node: Node) -> Status:
    failing = sum(below.failing for below in walk(node.folded))
    missing = sum(below.missing for below in walk(node.folded))
    if failing:
        return Status("bad", f"{failing} failed")
    return Status("warn", f"{missing} overdue") if missing else Status("ok", "all said")


def _said_status(node: Node, record: Recorded) -> Status:
    if node.made is not None:
        handled = node.made.state == "handled"
        return outcome_status(node.made, record.stored_at) if handled else Status("none", "—")
    if record.relay_s is None:
        return Status("info", "waits for the bus")
    return Status("ok", f"relayed {words.duration(record.relay_s)}")


def _step(node: Node, branch: str, timeline: Timeline, began: datetime, at: datetime) -> Step:
    interval = _interval(node, at)
    record = node.record
    return Step(
        id=node.id,
        kind=node.kind,
        branch=branch,
        domain=node.domain,
        event_type=node.event_type,
        says=_says(node),
        group=_group(node),
        status=status_of(node, at),
        after_root_s=max(0.0, (record.stored_at - began).total_seconds()) if record else None,
        bar=_bar(interval, timeline, began, _style(node)) if interval else None,
        record=record,
        made=node.made,
        reads=node.reads,
        folded=len(node.folded),
        folded_failing=sum(below.failing for below in walk(node.folded)),
        unfold=node.id if node.kind == "fold" and not node.rest else "",
    )


def _says(node: Node) -> str:
    if node.record is not None:
        return node.record.says
    if node.kind == "fold":
        return _fold_says(node)
    return node.made.error or node.made.because if node.made else ""


def _fold_says(node: Node) -> str:
    """How many rows it stands for, and how many events with all that followed from them."""
    events = sum(below.record is not None for below in walk(node.folded))
    siblings = f"{TIMES} {len(node.folded)}"
    return siblings if events <= len(node.folded) else f"{siblings}, {events} events in all"


def _group(node: Node) -> str:
    first = node.folded[0] if node.folded else node
    if first.record is not None:
        return first.record.said_by if first.parent else first.record.event.producer
    return first.made.group if first.made else ""


def _style(node: Node) -> Style:
    if node.kind == "event" and (node.made is None or node.made.handled_at is None):
        return "waiting"  # nobody's handling is known to have said it: only its way to the bus
    if node.kind in ("event", "fold"):
        return "done"
    if node.failing:
        return "failing"
    return "missing" if node.missing else "waiting"


def _interval(node: Node, at: datetime) -> Interval | None:
    if node.kind == "fold":
        return _hull([i for member in node.folded if (i := _interval(member, at))])
    if node.record is not None:
        return _said_interval(node, node.record)
    if node.parent is None or node.made is None:
        return None
    waits_from = node.parent.stored_at
    failed = node.made.failed
    if failed is not None:
        first = max(waits_from, failed.first_failed_at)
        return waits_from, first, max(first, failed.last_failed_at)
    if node.made.state == "retry":
        return waits_from, max(waits_from, node.parent.relayed_at or waits_from), at
    if node.made.handled_at is not None:
        return waits_from, node.made.handled_at, node.made.handled_at
    return waits_from, waits_from, at


def _said_interval(node: Node, record: Recorded) -> Interval:
    if node.parent is None or node.made is None or node.made.handled_at is None:
        relayed_at = record.relayed_at or record.stored_at
        return record.stored_at, record.stored_at, max(record.stored_at, relayed_at)
    waits_from = node.parent.stored_at
    runs_from = max(waits_from, node.made.began_at or node.made.handled_at)
    return waits_from, runs_from, max(runs_from, node.made.handled_at)


def _hull(intervals: Sequence[Interval]) -> Interval | None:
    if not intervals:
        return None
    waits, runs, ends = zip(*intervals, strict=True)
    return min(waits), min(runs), max(ends)


def _bar(interval: Interval, timeline: Timeline, began: datetime, style: Style) -> Bar:
    waits_from, runs_from, ends = ((at - began).total_seconds() for at in interval)
    run_x, run_width = timeline.span(runs_from, ends)
    wait_x = min(timeline.x(waits_from), run_x)
    if style == "failing":  # until somebody puts it right, it goes on failing
        run_width = round(100.0 - run_x, 1)
    return Bar(wait_x, round(run_x - wait_x, 1), run_x, run_width, style)
