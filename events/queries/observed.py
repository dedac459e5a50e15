"""What really flows, beside what is declared: who says a type, whether it validates, what follows.

All of it is read from the newest stored events when somebody asks: it costs those who publish and
handle nothing, and the window it is about is told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median

from events.envelope import Event, now, readable
from events.errors import InvalidEvent
from events.groups import EVERYTHING, groups
from events.models import DeadLetter, SeenType, StoredEvent
from events.privacy import masked_text
from events.registry import registry
from events.validation import understood

SAMPLE = 300
"""Newest events of a type that are validated again: some ten milliseconds."""

PARENTS = 100
"""Events whose followers are looked up."""

SETTLED_S = 10.0
"""What follows an event younger than this may still be on its way."""

LIVELY = timedelta(days=7)
"""A type seen within this time flows."""

RECORDER = "audit_trail_recorders"
"""The group that meets every event: what it could not read is a dead letter of its own."""

REFUSED_READ = 100
"""Dead letters of RECORDER that are looked at for one type."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a type, all producers together."""

    count: int
    first_at: datetime
    last_at: datetime
    versions: tuple[int, ...]
    lively_versions: tuple[int, ...]
    """Those of them that were seen within LIVELY."""

    @property
    def lively(self) -> bool:
        """It was seen within LIVELY."""
        return bool(self.lively_versions)


@dataclass(frozen=True, slots=True)
class Producer:
    """One producer, in one version of its code and of the type."""

    name: str
    version: int
    count: int
    last_at: datetime
    sampled: int
    """Of its events that were validated again."""
    valid: int
    failing: tuple[tuple[str, int], ...]
    """Fields that do not validate, by how often, and the reason: ``data.value: Field required``."""

    @property
    def share(self) -> float | None:
        """Share of the sampled events that validate; None when none is in the sample."""
        return self.valid / self.sampled if self.sampled else None


@dataclass(frozen=True, slots=True)
class Follower:
    """A type whose events were caused by events of this one."""

    event_type: str
    share: float
    """Of the events looked at, how many had at least one."""
    delay_s: float
    """Median from the event to what followed."""
    declared_by: tuple[str, ...]
    """Groups that read the one and declare to say the other; empty when nobody does."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What really flows of one type."""

    sampled: int
    since: datetime | None
    """When the oldest event of the sample was stored."""
    rate: float | None
    """Events a second over the sample; None for fewer than two."""
    producers: tuple[Producer, ...]
    followers: tuple[Follower, ...]
    looked_at: int
    """Events whose followers were looked up."""
    refused: int
    """Events on the bus that could not be read as the type at all; at most REFUSED_READ."""
    refusals: tuple[tuple[str, int], ...]
    """Why, by how often."""
    expected: tuple[tuple[str, tuple[str, ...]], ...]
    """What is declared to follow and was not seen to, and by which groups."""


def seen() -> dict[str, Seen]:
    """Every type that was seen, by its name. One statement; a row per type, version, producer."""
    rows = SeenType.objects.order_by("event_type", "event_version").values_list(
        "event_type", "event_version", "count", "first_at", "last_at"
    )
    found = {}
    lively = now() - LIVELY
    for name, of_type in groupby(rows, key=lambda row: row[0]):
        _, versions, counts, first, last = zip(*of_type, strict=True)
        late = (one for one, at in zip(versions, last, strict=True) if at >= lively)
        found[name] = Seen(
            count=sum(counts),
            first_at=min(first),
            last_at=max(last),
            versions=tuple(dict.fromkeys(versions)),
            lively_versions=tuple(dict.fromkeys(late)),
        )
    return found


def unregistered(limit: int = 20) -> tuple[tuple[str, datetime], ...]:
    """Types that were met and that nobody registers, the latest first: seen while somebody did, or
    refused by RECORDER. Two statements."""
    registered = {entry.name for entry in registry.all()}
    met = list(
        SeenType.objects.exclude(event_type__in=registered).order_by("-last_at")[:REFUSED_READ]
    )
    latest: dict[str, datetime] = {}
    for row in met:
        latest[row.event_type] = max(row.last_at, latest.get(row.event_type, row.last_at))
    rows = DeadLetter.objects.filter(group_name=RECORDER, state__in=DeadLetter.OPEN)
    refused = rows.order_by("-event_id").values_list("event_type", "last_failed_at")
    for name, at in refused[:REFUSED_READ]:
        if name and not _is_registered(name):
            latest[name] = max(at, latest.get(name, at))
    return tuple(sorted(latest.items(), key=lambda one: one[1], reverse=True)[:limit])


def observed(name: str) -> Observed:
    """What really flows of a type, by its canonical name.

    Four statements on indices: at most SAMPLE events are validated again, the chains of at most
    PARENTS are read.
    """
    rows = StoredEvent.objects.filter(event_type=name).order_by("-seq")
    stored = list(rows.values_list("body", "stored_at")[:SAMPLE])
    events = [Event.from_json(body) for body, _ in stored]
    looked_at = _parents(events)
    followers = _followers(name, looked_at)
    refusals = _refusals(name)
    times = [at for _, at in stored]
    return Observed(
        sampled=len(events),
        since=times[-1] if times else None,
        rate=_rate(times),
        producers=_producers(name, events),
        followers=followers,
        looked_at=len(looked_at),
        refused=refusals.total(),
        refusals=tuple(refusals.most_common(5)),
        expected=_expected(name, {follower.event_type for follower in followers}),
    )


def _rate(times: Sequence[datetime]) -> float | None:
    span_s = (times[0] - times[-1]).total_seconds() if len(times) > 1 else 0
    return (len(times) - 1) / span_s if span_s > 0 else None


def _producers(name: str, events: Sequence[Event]) -> tuple[Producer, ...]:
    sampled: Counter[tuple[str, int]] = Counter()
    failing: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    invalid: Counter[tuple[str, int]] = Counter()
    for event in events:
        key = event.producer, event.event_version
        sampled[key] += 1
        try:
            understood(event)
        except InvalidEvent as error:
            invalid[key] += 1
            told = (f"{one.field}: {one.reason}" for one in error.problems)
            failing[key].update(masked_text(reason, event) for reason in told)
    rows = SeenType.objects.filter(event_type=name).order_by("-last_at")
    return tuple(
        Producer(
            name=row.producer,
            version=row.event_version,
            count=row.count,
            last_at=row.last_at,
            sampled=sampled[row.producer, row.event_version],
            valid=sampled[row.producer, row.event_version]
            - invalid[row.producer, row.event_version],
            failing=tuple(failing[row.producer, row.event_version].most_common(5)),
        )
        for row in rows[:50]
    )


def _parents(events: Sequence[Event]) -> list[Event]:
    settled = now() - timedelta(seconds=SETTLED_S)
    return [event for event in events if event.occurred_at < settled][:PARENTS]


def _followers(name: str, parents: Sequence[Event]) -> tuple[Follower, ...]:
    occurred = {event.event_id: event.occurred_at for event in parents}
    rows = StoredEvent.objects.filter(
        correlation_id__in={event.correlation_id for event in parents},
        causation_id__in=list(occurred),
    )
    had: dict[str, set[object]] = defaultdict(set)
    delays: dict[str, list[float]] = defaultdict(list)
    for row in rows.only("event_type", "causation_id", "occurred_at"):
        began = occurred[row.causation_id] if row.causation_id else row.occurred_at
        had[row.event_type].add(row.causation_id)
        delays[row.event_type].append(max(0.0, (row.occurred_at - began).total_seconds()))
    declared = _declared(name)
    found = [
        Follower(kind, len(had[kind]) / len(parents), median(delays[kind]), declared.get(kind, ()))
        for kind in had
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.event_type)))


def _declared(name: str) -> dict[str, tuple[str, ...]]:
    """What the handlers of a type declare to say, and in which groups."""
    said: dict[str, list[str]] = defaultdict(list)
    for group in groups():
        for handler in group.handlers:
            if name in handler.reads or EVERYTHING in handler.reads:
                for says in handler.says:
                    said[says.event_type].append(group.name)
    return {kind: tuple(dict.fromkeys(names)) for kind, names in said.items()}


def _expected(name: str, followed: set[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    declared = _declared(name)
    return tuple((kind, declared[kind]) for kind in sorted(declared) if kind not in followed)


def _refusals(name: str) -> Counter[str]:
    """Why events of the type could not be read; what is personal or secret in them is masked."""
    rows = DeadLetter.objects.filter(
        group_name=RECORDER, event_type=name, error_class="InvalidEvent"
    )
    found = rows.order_by("-event_id").values_list("message", "body")[:REFUSED_READ]
    return Counter(
        masked_text(message.removeprefix(f"{name}: "), readable(bytes(body)))
        for message, body in found
    )


def _is_registered(name: str) -> bool:
    try:
        registry.resolve(name)
    except InvalidEvent:
        return False
    return True
