"""The tree of a chain: what was said, what is expected and missing, what failed. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from events.envelope import domain_of
from events.groups import Group
from events.queries.outcomes import Outcome, Outcomes
from events.queries.recorded import Recorded

FOLD_ABOVE = 6
"""More siblings of one type than this are drawn as one row, unless the reader unfolds them."""

UNFOLD_LIMIT = 200
"""Siblings drawn singly when unfolded; the rest stays folded and says so."""

Kind = Literal["event", "expected", "work", "fold"]

TROUBLES = ("retry", "dead", "overdue")
"""Outcomes that get a row of their own when no expected event stands for them."""


@dataclass(slots=True)
class Node:
    """One row of the tree before it is drawn.

    event     a stored event; `made` is how the group that said it handled its parent
    expected  an event that `made.group` always says and did not say (yet)
    work      a group that is in trouble with the parent event and says nothing always
    fold      siblings of one type; `folded` are their nodes
    """

    kind: Kind
    event_type: str
    domain: str
    record: Recorded | None = None
    parent: Recorded | None = None
    made: Outcome | None = None
    reads: tuple[Outcome, ...] = ()
    children: list[Node] = field(default_factory=list)
    folded: list[Node] = field(default_factory=list)
    rest: bool = False
    """Of a fold: its siblings are drawn above it, as many as are ever drawn."""

    @property
    def id(self) -> str:
        """Names the row, the same at every reading."""
        if self.record is not None:
            return str(self.record.id)
        if self.kind == "fold":
            return f"fold-{self.folded[0].id}"
        parent = self.parent.id if self.parent else ""
        return f"{parent}-{self.made.group if self.made else ''}-{self.event_type}"

    @property
    def failing(self) -> bool:
        """This row itself stands for something that failed and was not put right."""
        return self.kind in ("expected", "work") and bool(self.made and self.made.failing)

    @property
    def missing(self) -> bool:
        """This row itself stands for something that should be there by now."""
        if self.made is None or self.kind not in ("expected", "work"):
            return False
        return self.made.state in ("overdue", "handled")


def tree(
    recorded: Sequence[Recorded], outcomes: Outcomes, declared: Mapping[str, Group]
) -> list[Node]:
    """The roots of the tree, every event under the one that caused it.

    Events whose cause is not among them (or that cause each other) are roots as well, so that
    nothing is left out.
    """
    nodes = {record.id: _event_node(record, outcomes) for record in recorded}
    roots: list[Node] = []
    for record in recorded:
        parent = nodes.get(record.event.causation_id) if record.event.causation_id else None
        if parent is None or parent.record is None or _is_under(parent.record, record, nodes):
            roots.append(nodes[record.id])
            continue
        node = nodes[record.id]
        node.parent = parent.record
        node.made = outcomes.get(parent.record.id, record.said_by)
        parent.children.append(node)
    for node in nodes.values():
        node.children += _absent(node, declared)
    return roots


def walk(roots: Sequence[Node]) -> Iterator[Node]:
    """Every node, folded ones included, parents before children."""
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children + node.folded)


def folded(roots: Sequence[Node], unfold: frozenset[str]) -> list[Node]:
    """The same tree with many siblings of one type as one row each; `unfold` are ids of folds."""
    drawn = _fold(roots, unfold)
    stack = list(drawn)
    while stack:
        node = stack.pop()
        node.children = _fold(node.children, unfold)
        stack += node.children
    return drawn


def _event_node(record: Recorded, outcomes: Outcomes) -> Node:
    return Node(
        kind="event",
        event_type=record.event.event_type,
        domain=record.event.domain,
        record=record,
        reads=outcomes.of(record.id),
    )


def _is_under(parent: Recorded, record: Recorded, nodes: Mapping[UUID, Node]) -> bool:
    """Whether hanging `record` under `parent` would close a circle.

    Every circle has an edge to something stored later, so the usual edge costs nothing here.
    """
    if parent.seq < record.seq:
        return False
    at: Recorded | None = parent
    seen: set[UUID] = set()
    while at is not None and at.id not in seen:
        if at.id == record.id:
            return True
        seen.add(at.id)
        cause = nodes.get(at.event.causation_id) if at.event.causation_id else None
        at = cause.record if cause else None
    return False


def _absent(node: Node, declared: Mapping[str, Group]) -> Iterator[Node]:
    """Rows for what groups always say to this event and did not, and for groups in trouble."""
    if node.record is None:
        return
    said = {(child.record.said_by, child.event_type) for child in node.children if child.record}
    for outcome in node.reads:
        promised = _promised(node.record, declared.get(outcome.group))
        for event_type in promised:
            if (outcome.group, event_type) not in said:
                yield _absent_node("expected", event_type, domain_of(event_type), node, outcome)
        if not promised and outcome.state in TROUBLES:
            yield _absent_node("work", outcome.group, outcome.domain, node, outcome)


def _promised(record: Recorded, group: Group | None) -> tuple[str, ...]:
    """Event types some handler of the group declares it always says to this event."""
    handlers = group.handlers if group else ()
    wanting = (handler for handler in handlers if handler.wants(record.event))
    return tuple(dict.fromkeys(name for handler in wanting for name in handler.always_says))


def _absent_node(kind: Kind, event_type: str, domain: str, under: Node, outcome: Outcome) -> Node:
    return Node(kind, event_type, domain, parent=under.record, made=outcome)


def _fold(siblings: Sequence[Node], unfold: frozenset[str]) -> list[Node]:
    by_type: dict[tuple[str, str], list[Node]] = defaultdict(list)
    for node in siblings:
        by_type[node.kind, node.event_type].append(node)
    drawn: list[Node] = []
    for members in by_type.values():
        drawn += _fold_alike(members, unfold) if len(members) > FOLD_ABOVE else members
    # Groups of siblings stand where their first member stood.
    order = {id(node): index for index, node in enumerate(siblings)}
    return sorted(drawn, key=lambda node: order[id(node.folded[0] if node.folded else node)])


def _fold_alike(members: list[Node], unfold: frozenset[str]) -> list[Node]:
    shown = members[:UNFOLD_LIMIT] if f"fold-{members[0].id}" in unfold else []
    hidden = members[len(shown) :]
    if not hidden:
        return shown
    first = hidden[0]
    fold = Node("fold", first.event_type, first.domain, folded=hidden, rest=bool(shown))
    return [*shown, fold]
