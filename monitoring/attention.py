"""What needs somebody now: decided from one snapshot and the present rates, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.urls import reverse

from events.queries.snapshot import GroupState, Snapshot
from monitoring.formats import counted, duration, number, rate

BEHIND_S = 10.0
"""A group whose oldest waiting entry is older than this has fallen behind, in seconds."""

LOST_S = 600.0
"""A group this far behind that does not catch up is red, in seconds."""

RELAY_SLOW_S = 10.0
"""An accepted event should be on the bus within milliseconds; after this it is worth a word."""

FAILING_ONE_BY_ONE = 2
"""More groups with dead letters than this are one line: all else must stay in sight."""

MEMORY_SHARE = 0.8
"""Above this share of its memory limit the bus begins to hold publishing back."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How fast entries come to a group and how fast it finishes them, per second."""

    arriving: float | None = None
    finished: float | None = None

    def drains_in_s(self, lag: int | None) -> float | None:
        """How long until nothing waits at these rates; None when it grows or nobody knows."""
        if not lag or self.arriving is None or self.finished is None:
            return None
        gain = self.finished - self.arriving
        return lag / gain if gain > 0 else None


@dataclass(frozen=True, slots=True)
class Room:
    """How long there is room for what a group does not finish; `seconds` None when that does not
    shrink or nobody knows."""

    kind: Literal["ok", "warn", "bad", "none"]
    text: str
    """``enough: not growing``, ``about 2 h 5 min until ...``, ``unknown, because ...``."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs somebody: `subject` (a link), then `sentence`, then `detail` below."""

    kind: Literal["bad", "warn"]
    word: str
    subject: str
    sentence: str
    url: str = ""
    """Where something can be done about it, and how that is called."""
    action: str = ""
    since: datetime | None = None
    detail: str = ""


def standing(group: GroupState) -> str:
    """How many workers of a paused group have come to rest, as they say themselves."""
    if group.pending is None:  # the bus was not read
        return "whether its workers stand still is unknown"
    if not group.workers:
        return "no worker runs it"
    if not group.finishing:
        return (
            "its worker stands still"
            if group.workers == 1
            else f"all {number(group.workers)} workers stand still"
        )
    verb = "finishes" if group.finishing == 1 else "finish"
    return f"{number(group.finishing)} of {counted(group.workers, 'worker')} still {verb}"


def needs(
    snapshot: Snapshot,
    flow: Callable[[str], Flow],
    room: Callable[[str], Room | None],
    bus_seen_at: datetime | None = None,
) -> tuple[Need, ...]:
    """Everything that needs attention; empty when all is quiet.

    `flow` gives the present rates of a group, `room` how long there is room for it; `bus_seen_at`
    is when the bus last answered. A bus that cannot be reached explains every other figure, so it
    stands alone with what is known without it.
    """
    found = [*_bus(snapshot, bus_seen_at), *_workers(snapshot), *_relay(snapshot)]
    found += [*_losses(snapshot), *_held_back(snapshot)]
    found += [need for group in snapshot.groups for need in _paused(group)]
    if snapshot.bus.reachable and _alive(snapshot):
        running = [group for group in snapshot.worst_first() if not group.paused]
        found += [need for group in running for need in _breakers(group)]
        late = [group for group in running if not group.breakers]
        found += [need for group in late for need in _behind(group, flow)]
        found += [need for group in snapshot.groups for need in _short_of_room(group, room)]
    found += _dead_letters(snapshot)
    return tuple(sorted(found, key=lambda need: need.kind != "bad"))


def _bus(snapshot: Snapshot, seen_at: datetime | None) -> Iterator[Need]:
    server = snapshot.bus.server
    if not snapshot.bus.reachable:
        yield Need(
            "bad",
            "unreachable",
            "The bus",
            "does not answer: events are accepted and wait in SQL, nothing is handled until it is"
            " back.",
            since=seen_at,
            detail=snapshot.bus.reason,
        )
    elif server and server.max_memory_bytes:
        share = server.used_memory_bytes / server.max_memory_bytes
        if share >= MEMORY_SHARE:
            yield Need(
                "warn",
                "memory",
                "The bus",
                f"uses {share:.0%} of its memory: the relay goes slowly, accepted events wait in"
                " SQL, and publish_direct is refused.",
            )


def _losses(snapshot: Snapshot) -> Iterator[Need]:
    """What was lost and is put back: nothing to do for the events, but somebody should ask why."""
    losses = snapshot.losses
    if losses is None:
        return
    count, groups = sum(losses.put_back.values()), len(losses.put_back)
    put_back = (
        f"{counted(count, 'delivery', 'deliveries')} went back to {counted(groups, 'group')}"
        if count
        else "nothing unfinished was found so far"
    )
    yield Need(
        "warn",
        "data lost",
        "The bus",
        f"came back without its data: {put_back}."
        if losses.everything
        else f"had lost what was unfinished: {put_back}{_unknown(losses.unknown)}.",
        since=losses.at,
        detail="events are safe in SQL; find out why: a flush, an empty start, a failover?",
    )


def _unknown(count: int) -> str:
    return (
        f", and of {counted(count, 'entry', 'entries')} nobody knows what was lost" if count else ""
    )


def _workers(snapshot: Snapshot) -> Iterator[Need]:
    if snapshot.bus.reachable and not _alive(snapshot):
        waiting = sum(group.lag or 0 for group in snapshot.groups)
        oldest = min(
            (g.oldest_waiting_at for g in snapshot.groups if g.oldest_waiting_at), default=None
        )
        yield Need(
            "bad",
            "no workers",
            "No worker is alive:",
            f"{counted(waiting, 'delivery', 'deliveries')} wait for"
            f" {counted(len(snapshot.groups), 'group')}, none are lost.",
            url=reverse("workers"),
            action="Open workers",
            since=oldest,
            detail="start one with manage.py runworkers",
        )


def _relay(snapshot: Snapshot) -> Iterator[Need]:
    oldest = snapshot.relay.oldest_at
    if oldest is None or (snapshot.at - oldest).total_seconds() < RELAY_SLOW_S:
        return
    least = "at least " if snapshot.relay.capped else ""
    yield Need(
        "warn",
        "relay waits",
        "The relay",
        f"has {least}{counted(snapshot.relay.waiting, 'accepted event')} that are not on the bus"
        " yet.",
        url=reverse("events"),
        action="Open events",
        since=oldest,
    )


def _held_back(snapshot: Snapshot) -> Iterator[Need]:
    """Streams whose backlog is above the cap; one line says them all."""
    held = snapshot.pressure.streams
    if held:
        yield Need(
            "warn",
            "held back",
            counted(len(held), "stream"),
            f"{'is' if len(held) == 1 else 'are'} given events slowly: a group is too far behind."
            " What is accepted waits in SQL.",
            url=reverse("groups"),
            action="Open groups",
            detail=next(iter(held.values())),
        )


def _paused(group: GroupState) -> Iterator[Need]:
    """Somebody wanted it so; it is listed because somebody may have forgotten it."""
    if group.paused is None:
        return
    waiting = "" if group.lag is None else f"{number(group.lag)} waiting, none is lost · "
    yield Need(
        "warn",
        "paused",
        group.name,
        f"was paused by {group.paused.actor}: {group.paused.reason}",
        url=reverse("group", args=[group.name]),
        action="Open group",
        since=group.paused.since,
        detail=waiting + standing(group),
    )


def _breakers(group: GroupState) -> Iterator[Need]:
    for dependency, workers in sorted(group.breakers.items()):
        yield Need(
            "warn",
            "breaker open",
            group.name,
            f"waits for {dependency}, which failed again and again: it is tried with one event now"
            " and then.",
            url=reverse("group", args=[group.name]),
            action="Open group",
            since=group.oldest_waiting_at,
            detail=f"{number(group.lag)} waiting, none is lost · open in {workers} of"
            f" {counted(group.workers, 'worker')}",
        )


def _behind(group: GroupState, flow: Callable[[str], Flow]) -> Iterator[Need]:
    age_s = group.oldest_waiting_s
    if age_s is None or age_s < BEHIND_S:
        return
    now = flow(group.name)
    drains_s = now.drains_in_s(group.lag)
    pace = f"{rate(now.arriving)}/s come in, {rate(now.finished)}/s are handled"
    if now.arriving is None or now.finished is None:
        outlook = "."
    elif drains_s is None:
        outlook = f" and does not catch up: {pace}."
    else:
        outlook = f" and catches up in about {duration(drains_s)}: {pace}."
    yield Need(
        "bad" if age_s >= LOST_S and drains_s is None else "warn",
        "falling behind" if drains_s is None else "behind",
        group.name,
        f"is {duration(age_s)} behind{outlook}",
        url=reverse("group", args=[group.name]),
        action="Open group",
        since=group.oldest_waiting_at,
        detail=f"{number(group.lag)} waiting · {counted(group.workers, 'worker')}",
    )


def _short_of_room(group: GroupState, room: Callable[[str], Room | None]) -> Iterator[Need]:
    left = room(group.name)
    if left and left.kind in ("bad", "warn"):
        yield Need(
            "bad" if left.kind == "bad" else "warn",
            "room",
            group.name,
            f"leaves room for {left.text}.",
            url=reverse("group", args=[group.name]),
            action="Open group",
            detail="what is unfinished is never trimmed: start more workers, or give it more room",
        )


def _dead_letters(snapshot: Snapshot) -> Iterator[Need]:
    """What failed and nobody has silenced."""
    silenced = snapshot.dead_letters_silenced
    counts = {
        name: count - silenced.get(name, 0)
        for name, count in snapshot.dead_letters_by_group.items()
        if count > silenced.get(name, 0)
    }
    failing = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    detail = "none is lost: they are dead letters and can be replayed"
    if snapshot.faults:
        detail += "; some may come from the faults injected into synthetic events"
    if quiet := sum(silenced.values()):
        detail += f"; {counted(quiet, 'other is', 'others are')} silenced"
    if len(failing) > FAILING_ONE_BY_ONE:
        name, most = failing[0]
        yield Need(
            "bad",
            "failing",
            counted(len(failing), "group"),
            f"set aside {counted(sum(counts.values()), 'event')} they could not handle,"
            f" {number(most)} of them {name}.",
            url=reverse("dead-letters"),
            action="Look and replay",
            detail=detail,
        )
        return
    for name, count in failing:
        yield Need(
            "bad",
            "failing",
            name,
            f"set aside {counted(count, 'event')} it could not handle.",
            url=reverse("dead-letters", query={"group": name}),
            action="Look and replay",
            detail=detail,
        )


def _alive(snapshot: Snapshot) -> bool:
    return any(worker.kind == "worker" for worker in snapshot.workers)
