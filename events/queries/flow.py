"""Which domains each group reads and speaks into, as declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.envelope import domain_of
from events.groups import EVERYTHING, groups
from events.registry import registry

Types = Mapping[str, tuple[str, ...]]
"""Names of types by their domain."""


@dataclass(frozen=True, slots=True)
class GroupFlow:
    """One group between the domains."""

    name: str
    domain: str
    everything: bool
    """It reads every type there is."""
    reads: Types
    says: Types


def declared() -> tuple[GroupFlow, ...]:
    """Every group, by the domain it belongs to and its name. No statement."""
    found = (
        GroupFlow(
            name=group.name,
            domain=group.domain,
            everything=any(EVERYTHING in handler.reads for handler in group.handlers),
            reads=_by_domain(group.reads),
            says=_by_domain(group.says),
        )
        for group in groups()
    )
    return tuple(sorted(found, key=lambda flow: (flow.domain, flow.name)))


def domains() -> tuple[str, ...]:
    """Every domain that has a type."""
    return tuple(sorted({entry.domain for entry in registry.all()}))


def _by_domain(names: Iterable[str]) -> Types:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[domain_of(name)].append(name)
    return {domain: tuple(types) for domain, types in found.items()}
