"""The settings of the bus: one frozen object, units in the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal

from django.conf import settings
from django.core.signals import setting_changed

from events.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class BusSettings:
    """What ``settings.ASTRA`` may say; every field has a default."""

    transport: Literal["redis", "memory"] = "redis"
    redis_url: str = "redis://127.0.0.1:6379/0"
    version: str = "0"
    """Code version: part of `producer` and of every dead letter."""
    lease_s: float = 30.0
    """How long an entry stays with a worker that no longer renews it."""
    block_ms: int = 2_000
    """Longest wait of one read; also bounds how long a stop takes to be noticed."""
    batch_size: int = 100
    """Most entries a group takes in one read."""
    batch_budget_ms: float = 20.0
    """Longest transaction on SQLite, whose one write lock all groups share."""
    unit_size: int = 400
    """Most events in one transaction of a group."""
    handler_timeout_s: float = 30.0
    """How long a handler may run, unless it declares its own time."""
    breaker_window_s: float = 30.0
    """How far back calls of a handler's dependency are judged (see `events.breaker`)."""
    breaker_least_calls: int = 10
    """Fewer calls than this in the window say nothing."""
    breaker_share: float = 0.5
    """Share of them that fails from which the group leaves the dependency alone."""
    breaker_rest_s: float = 5.0
    """For how long at first; twice as long after each probe that failed, up to 5 minutes."""
    threads: int = 0
    """Lanes of a worker process; 0 lets the database decide: 1 on SQLite, 4 on PostgreSQL."""
    append_batch: int = 200
    """Most events in one append call."""
    seen_window_s: int = 600
    """How long the bus remembers an event id, to append a repeated one only once."""
    seen_limit: int = 100_000
    """Most ids remembered per stream."""
    backlog_cap: int = 2_500_000
    """Entries a group may have before it on one stream until nothing is added; 0 sets no cap. Some
    1.5 GB of events of ordinary size: the guard of a server that has no memory limit."""
    relay_replicas: int = 0
    """Replicas of the bus server that must have an event before its row counts as relayed."""
    poison_starts: int = 3
    """An entry whose handling was started this often and never ended kills workers."""
    mark_every_s: float = 0.1
    """How often a process marks in SQL what the bus has taken; 0 marks each publish at once."""
    max_depth: int = 32
    """Longest path from a root event; beyond it a chain is taken for a loop."""
    heartbeat_s: float = 5.0
    presence_s: float = 30.0
    """A worker not heard of for this long is gone."""
    reconcile_after_s: float = 60.0
    """Age from which the store is compared with the bus: what takes longer is looked up there."""
    retention_days: int = 30
    """How long stored events and inbox marks are kept; 0 keeps them."""
    read_only: bool = False
    """The console only shows: whatever an operator asks for is refused."""
    faults: str = ""
    """Faults to inject into synthetic events, e.g. ``reject:0.0003,retry:0.003``."""
    crash: str = ""
    """Where to crash on purpose, e.g. ``after-commit-before-settle:kill:3`` (see `crash`)."""
    webhook_url: str = ""
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    """Bodies of others that are taken as events, by name (see `events.adapters.webhooks`)."""


@cache
def bus_settings() -> BusSettings:
    """Read ``settings.ASTRA``; raises ConfigurationError naming a key that is not known."""
    given: dict[str, object] = dict(getattr(settings, "ASTRA", {}))
    known = {one.name for one in fields(BusSettings)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigurationError(
            f"ASTRA[{unknown[0]!r}] is not a setting of the bus; "
            f"known are {', '.join(sorted(known))}"
        )
    return BusSettings(**given)  # type: ignore[arg-type]


def _forget(*, setting: str, **_: object) -> None:
    if setting == "ASTRA":
        bus_settings.cache_clear()


setting_changed.connect(_forget)
