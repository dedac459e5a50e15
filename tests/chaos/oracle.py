"""What must be true after every cell, as a function of what was seen. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Pair = tuple[str, str]
"""An event's id and a group's name."""

OUTSIDE = "chaos_outside"
"""Its effects are calls, made at least once."""


@dataclass(frozen=True)
class Evidence:
    """Everything clients, handlers, SQL and the bus told."""

    accepted: frozenset[str]
    """Ids whose publish returned."""
    stored: frozenset[str]
    """Ids in the store."""
    expected: frozenset[Pair]
    """Every stored event with every group that reads it, and what was put on the bus by hand."""
    handled: Counter[Pair]
    """The inbox."""
    effects: Counter[Pair]
    attempts: Counter[Pair]
    dead: Mapping[Pair, bytes] = field(default_factory=dict)
    """Bodies of dead letters."""
    poison: Mapping[Pair, bytes] = field(default_factory=dict)
    """What must have become a dead letter, with its bytes."""
    appended: Counter[str] = field(default_factory=Counter)
    """Entries of each event on its own stream, as far back as that reaches."""
    unattempted_by_design: frozenset[Pair] = frozenset()
    """Pairs that cannot reach a handler: malformed bytes."""
    shown: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By group what the console shows: events that wait, for whatever reason, and dead letters."""
    audit_broken: int | None = None
    drained: bool = True

    @property
    def lost(self) -> set[Pair]:
        """Neither handled nor set aside."""
        return {
            pair for pair in self.expected if pair not in self.handled and pair not in self.dead
        }

    @property
    def doubled(self) -> set[Pair]:
        """Effects that happened more than once."""
        return {pair for pair, count in self.effects.items() if count > 1}


def findings(evidence: Evidence) -> list[str]:
    """What is wrong, one sentence each; empty when all is well."""
    e = evidence
    attempted = {*e.attempts, *e.unattempted_by_design}
    effective = {pair for pair in e.handled if pair[1] != OUTSIDE}
    checks = {
        "accepted, and not in the store": e.accepted - e.stored,
        "accepted, and neither handled nor a dead letter": e.lost,
        "handled or set aside, and never attempted": {*e.handled, *e.dead} - attempted,
        "marked as handled without its effect": effective - set(e.effects),
        "an effect without its mark": set(e.effects) - set(e.handled),
        "done more than once": e.doubled,
        "marked more than once": {pair for pair, count in e.handled.items() if count > 1},
        "poison that is no dead letter": set(e.poison) - set(e.dead),
        "a dead letter that was no poison": set(e.dead) - set(e.poison),
        "a dead letter whose bytes differ": {
            pair for pair in set(e.poison) & set(e.dead) if e.poison[pair] != e.dead[pair]
        },
        "appended more than once": {i for i, count in e.appended.items() if count > 1},
        "handled and a dead letter too": set(e.handled) & set(e.dead),
    }
    found = [
        f"{len(members)} x {what}, e.g. {min(members, key=str)}"
        for what, members in checks.items()
        if members
    ]
    for group, (waiting, dead) in sorted(e.shown.items()):
        expected, handled = _of(group, e.expected), _of(group, e.handled)
        if expected != handled + waiting + dead:
            found.append(
                f"the console shows {waiting} waiting and {dead} dead of {group}, with {handled} "
                f"handled; that are not the {expected} there were"
            )
    if e.audit_broken is not None:
        found.append(f"the audit's chain breaks at row {e.audit_broken}")
    if not e.drained:
        found.append("not drained in time after healing")
    return found


def _of(group: str, pairs: Iterable[Pair]) -> int:
    return sum(name == group for _, name in pairs)
