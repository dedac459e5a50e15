"""The map of who hears and says what: geometry and rates, no markup and no colours here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from events.queries.flow import GroupFlow, declared, domains
from events.queries.snapshot import Snapshot
from monitoring.group_rows import flow_of, present
from monitoring.samples import History

WIDTH = 1000
ROW, TOP = 40, 20
"""Height of a node's place, and the space above the first."""

DOMAIN_X, DOMAIN_WIDTH = 10, 210
GROUP_X, GROUP_WIDTH = 700, 290
NODE_HEIGHT = 28

THINNEST, THICKEST = 1.0, 6.0
"""Of a line: nothing flows, and a thousand events a second or more."""


@dataclass(frozen=True, slots=True)
class Node:
    """A domain or a group; `rate` is events a second, None where nobody knows."""

    name: str
    domain: str
    x: float
    y: float
    width: float
    rate: float | None

    @property
    def middle(self) -> float:
        return self.y + NODE_HEIGHT / 2

    @property
    def text_y(self) -> float:
        """Baseline of its text."""
        return self.y + NODE_HEIGHT / 2 + 4.5

    @property
    def end(self) -> float:
        return self.x + self.width

    @property
    def text_x(self) -> float:
        """Where its name begins."""
        return self.x + 10

    @property
    def rate_x(self) -> float:
        """Where the text of its rate ends."""
        return self.end - 10


@dataclass(frozen=True, slots=True)
class Line:
    """From a domain to a group that reads it, or from a group to a domain it speaks into."""

    kind: str
    """``reads`` or ``says``."""
    domain: str
    """Whose colour it has: that of the events."""
    path: str
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class FlowMap:
    """The whole drawing."""

    height: float
    domains: tuple[Node, ...]
    groups: tuple[Node, ...]
    lines: tuple[Line, ...]
    flows: tuple[GroupFlow, ...]
    everything: tuple[str, ...]
    """Groups that read every domain; their lines are left out."""
    width: float = WIDTH
    node_height: float = NODE_HEIGHT


def flow_map(snapshot: Snapshot) -> FlowMap:
    """Domains on the left, groups on the right, each with its rate of now. One SQL statement."""
    recent = present(snapshot)
    flows = declared()
    rows = max(len(flows), len(domains()))
    left = _nodes([_domain(name, recent) for name in domains()], DOMAIN_X, DOMAIN_WIDTH, rows)
    right = _nodes([_group(flow, recent) for flow in flows], GROUP_X, GROUP_WIDTH, rows)
    return FlowMap(
        height=2 * TOP + rows * ROW,
        domains=left,
        groups=right,
        lines=tuple(_lines(flows, left, right)),
        flows=flows,
        everything=tuple(flow.name for flow in flows if flow.everything),
    )


Told = tuple[str, str, float | None]
"""Name, domain and rate of a node."""


def _domain(name: str, recent: History) -> Told:
    return name, name, recent.rate_now(lambda values: values.domains.get(name))


def _group(flow: GroupFlow, recent: History) -> Told:
    return flow.name, flow.domain, flow_of(flow.name, recent).finished


def _nodes(told: Sequence[Told], x: float, width: float, rows: int) -> tuple[Node, ...]:
    """Nodes spread over the height of so many rows."""
    step = rows * ROW / max(len(told), 1)
    return tuple(
        Node(name, domain, x, TOP + index * step + (step - NODE_HEIGHT) / 2, width, rate)
        for index, (name, domain, rate) in enumerate(told)
    )


def _lines(flows: Sequence[GroupFlow], left: Sequence[Node], right: Sequence[Node]) -> list[Line]:
    by_domain = {node.name: node for node in left}
    found = []
    for flow, group in zip(flows, right, strict=True):
        if flow.everything:
            continue
        for kind, types_of in (("reads", flow.reads), ("says", flow.says)):
            for domain, types in types_of.items():
                node = by_domain[domain]
                rate = node.rate if kind == "reads" else None
                path = _curve(node, group, kind)
                title = f"{flow.name} {kind} {', '.join(types)}"
                found.append(Line(kind, domain, path, _thickness(rate), title))
    return found


def _curve(domain: Node, group: Node, kind: str) -> str:
    """Between the two; what is said leaves the group a little lower than what it reads arrives."""
    shift = 5 if kind == "says" else -3
    start, end = domain.middle + shift, group.middle + shift
    bend = (GROUP_X - domain.end) / 2
    return (
        f"M{domain.end:.0f} {start:.1f}C{domain.end + bend:.0f} {start:.1f} "
        f"{group.x - bend:.0f} {end:.1f} {group.x:.0f} {end:.1f}"
    )


def _thickness(rate: float | None) -> float:
    if not rate or rate <= 0:
        return THINNEST
    return round(min(THICKEST, THINNEST + (THICKEST - THINNEST) * log10(1 + rate) / 3), 1)
