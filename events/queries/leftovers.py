"""Groups that stand on the bus and that no installed app declares any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from events import transport
from events.envelope import stream_name
from events.groups import groups
from events.models import DeadLetter, SeenType
from events.queries.snapshot import Snapshot
from events.registry import registry
from events.transport.base import RetryInfo, StreamInfo

MOST_COUNTED = 10_000
"""Entries that are counted where the server has lost count."""


@dataclass(frozen=True, slots=True)
class LeftoverPlace:
    """Where such a group stands on one stream."""

    stream: str
    lag: int
    pending: int
    retries: int

    @property
    def waiting(self) -> int:
        """Entries nobody would handle once it is gone."""
        return self.lag + self.pending + self.retries


@dataclass(frozen=True, slots=True)
class Leftover:
    """A group of an app that is not installed any more, or of another deployment."""

    name: str
    places: tuple[LeftoverPlace, ...]
    workers: tuple[str, ...]
    """Live processes that run it all the same."""
    dead_letters: int
    """Open; they stay when the group goes."""

    @property
    def waiting(self) -> int:
        """On all its streams."""
        return sum(place.waiting for place in self.places)


def names(snapshot: Snapshot) -> tuple[str, ...]:
    """Groups on the streams of a snapshot that nobody declares. Asks nobody."""
    return _undeclared(stream.info for stream in snapshot.streams if stream.info)


def load(name: str) -> Leftover | None:
    """One of them as it stands now, or None; also on streams of types nobody registers any more.

    Two statements, three round trips. Raises BusUnavailable.
    """
    bus = transport.current()
    seen = SeenType.objects.values_list("event_type", "event_version").distinct()
    streams = {kind.stream for kind in registry.all()} | {stream_name(*one) for one in seen}
    found = bus.inspector.streams(sorted(streams))
    if name not in _undeclared(found.values()):
        return None
    on = [info for info in found.values() if any(place.name == name for place in info.groups)]
    retries = bus.inspector.retries([(info.name, name) for info in on])
    return Leftover(
        name=name,
        places=tuple(_place(name, info, retries[info.name, name]) for info in on),
        workers=tuple(one.name for one in bus.presence.alive() if name in one.groups),
        dead_letters=DeadLetter.objects.filter(group_name=name, state__in=DeadLetter.OPEN).count(),
    )


def _undeclared(found: Iterable[StreamInfo]) -> tuple[str, ...]:
    on_bus = {place.name for info in found for place in info.groups}
    return tuple(sorted(on_bus - {group.name for group in groups()}))


def _place(name: str, info: StreamInfo, retries: RetryInfo) -> LeftoverPlace:
    place = next(one for one in info.groups if one.name == name)
    lag = place.lag
    if lag is None:
        moving = transport.current().moving
        lag = len(
            moving.between(info.name, place.last_delivered_id, info.last_id or "0-0", MOST_COUNTED)
        )
    return LeftoverPlace(info.name, lag, place.pending, retries.waiting + retries.pending)
