"""What the bus lost comes back from the store, to whoever misses it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from events import Context, Event, Reject, Retry, reconciler
from events.envelope import now
from events.groups import Group, groups
from events.models import AuditEntry, HandledEvent, Operation, Reconciliation, StoredEvent
from events.operations import Actor, redeliver_waiting, replay_dead_letters
from events.reconciler import reconcile
from events.transport.base import RetryLater
from events.transport.memory.state import parsed
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"
GroupOf = Callable[..., Group]


@pytest.fixture
def only(
    group_of: GroupOf, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[Group]]:
    """Declare these groups and no others; everything is old enough to be compared."""
    settings.ASTRA = {**settings.ASTRA, "reconcile_after_s": -60}

    def declare(*made: Group) -> list[Group]:
        monkeypatch.setattr(reconciler, "groups", lambda: tuple(made))
        return list(made)

    return declare


def noting(seen: list[UUID]) -> Callable[[Event, Context], None]:
    def note(event: Event, context: Context) -> None:
        seen.append(event.event_id)

    return note


def handled_by(group: str) -> set[UUID]:
    marks = HandledEvent.objects.filter(group__name=group)
    return set(marks.values_list("event_id", flat=True))


def lose_entries(bus: Bus) -> None:
    """What a failover does that forgot appends: the entries are gone, the groups are not."""
    with bus.memory.changed:
        stream = bus.memory._streams[STREAM]
        stream.entries.clear()
        for group in stream.groups.values():
            group.pending.clear()


def test_in_good_health_nothing_is_put_back(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    made = only(group_of(noting([]), name="a"), group_of(noting([]), name="b"))
    reconcile()
    done, waiting = trade(), trade()
    bus.publish(done)
    bus.drain(made)
    bus.publish(waiting)

    assert reconcile() == 0
    assert AuditEntry.objects.count() == 0


def test_what_a_failover_forgot_goes_to_the_group_that_misses_it(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    quick: list[UUID] = []
    slow: list[UUID] = []
    first, second = only(group_of(noting(quick), name="a"), group_of(noting(slow), name="b"))
    reconcile()
    event = trade()
    bus.publish(event)
    bus.drain([first])
    lose_entries(bus)

    assert reconcile() == 1
    bus.drain([first, second])

    assert (quick, slow) == ([event.event_id], [event.event_id])
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.details["count"]) == ("bus.put-back", "b", 1)
    assert reconcile() == 0


def test_after_a_flush_everything_unfinished_is_done_once(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    seen: list[UUID] = []
    (group,) = only(group_of(noting(seen)))
    reconcile()
    done, lost = trade(), trade()
    bus.publish(done)
    bus.drain([group])
    bus.publish(lost)
    bus.memory.flush()

    assert reconcile() == 1
    bus.drain([group])

    assert seen == [done.event_id, lost.event_id]
    assert HandledEvent.objects.filter(group__name="testers").count() == 2
    assert "bus.data-lost" in AuditEntry.objects.values_list("action", flat=True)


def test_a_retry_the_bus_lost_begins_anew(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    seen: list[UUID] = []
    (group,) = only(group_of(noting(seen)))
    reconcile()
    event = trade()
    bus.publish(event)
    (delivery,) = bus.transport.streams.read(group.name, "one", group.streams, 10, 0)
    bus.transport.streams.settle(group.name, [RetryLater(delivery, bus.clock.now() + 900, ())])
    assert reconcile() == 0
    bus.memory.flush()

    assert reconcile() == 1
    bus.drain([group])

    assert seen == [event.event_id]


def test_a_replay_the_bus_lost_is_put_there_again(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    ill = [True]
    seen: list[UUID] = []

    def fails_at_first(event: Event, context: Context) -> None:
        if ill:
            raise Reject("no")
        seen.append(event.event_id)

    (group,) = only(group_of(fails_at_first))
    reconcile()
    event = trade()
    bus.publish(event)
    bus.drain([group])
    (letter,) = bus.dead_letters()
    replay_dead_letters(Actor("olga", "console", may_operate=True), [letter.pk], "it is mended")
    bus.memory.flush()
    ill.clear()

    reconcile()
    redeliver_waiting()
    bus.transport.streams.ensure_group(STREAM, group.name)
    bus.drain([group])

    assert seen == [event.event_id]
    assert [letter.state for letter in bus.dead_letters()] == ["resolved"]


def test_a_dead_letter_is_an_end(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    def fails(event: Event, context: Context) -> None:
        raise Reject("no")

    (group,) = only(group_of(fails))
    reconcile()
    bus.publish(trade())
    bus.drain([group])
    bus.memory.flush()

    assert reconcile() == 0


def test_sets_are_delivered_again_only_where_data_were_lost(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    seen: list[UUID] = []
    (group,) = only(group_of(noting(seen), idempotent=True))
    reconcile()
    event = trade()
    bus.publish(event)
    bus.drain([group])
    assert reconcile() == 0
    bus.memory.flush()

    assert reconcile() == 1
    bus.drain([group])
    assert reconcile() == 0

    assert seen == [event.event_id] * 2


def test_a_group_that_began_at_the_end_is_not_given_the_past(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    reconcile()
    bus.publish(trade())
    only(group_of(noting([]), start="now"))

    assert reconcile() == 0


def test_the_position_goes_forward_and_a_found_loss_sets_it_back(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    (group,) = only(group_of(noting([])))
    reconcile()
    bus.publish(trade())
    bus.drain([group])
    lose_entries(bus)
    reconcile()
    Reconciliation.objects.update(seq=10**9)
    bus.publish(trade())
    lose_entries(bus)
    assert reconcile() == 0

    reconciler.hurry()

    assert reconcile() == 1


@pytest.mark.parametrize("begun_at", [0, -1])
def test_a_loss_found_while_a_pass_goes_on_is_not_forgotten_at_its_end(
    bus: Bus,
    group_of: GroupOf,
    only: Callable[..., list[Group]],
    monkeypatch: pytest.MonkeyPatch,
    begun_at: int,
) -> None:
    """The pass has gone past the rows of a group whose loss is found only then."""
    (group,) = only(group_of(noting([])))
    reconcile()
    Reconciliation.objects.update(seq=begun_at)
    bus.publish(trade())
    bus.drain([group])
    rows = reconciler._rows

    def found_meanwhile(after: int) -> list[reconciler.Row]:
        found = rows(after)
        if not found:
            reconciler.hurry()
        return found

    monkeypatch.setattr(reconciler, "_rows", found_meanwhile)
    reconcile()

    assert Reconciliation.objects.get().seq < 0


def test_what_comes_to_its_end_while_it_is_looked_for_is_not_lost(
    bus: Bus,
    group_of: GroupOf,
    only: Callable[..., list[Group]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (group,) = only(group_of(noting([])))
    reconcile()
    bus.publish(trade())
    look = bus.memory.whereabouts

    def late(stream: str, name: str, wanted: Any) -> Any:
        bus.drain([group])
        return look(stream, name, wanted)

    monkeypatch.setattr(bus.memory, "whereabouts", late)

    assert reconcile() == 0
    assert AuditEntry.objects.count() == 0


def test_a_group_that_is_not_on_a_stream_yet_reads_it_and_nothing_counts_as_lost(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    """A version said before the workers know it: its stream is there, its groups are not."""
    seen: list[UUID] = []
    (group,) = only(group_of(noting(seen)))
    reconcile()
    with bus.memory.changed:
        del bus.memory._streams[STREAM].groups[group.name]
    event = trade()
    bus.publish(event)

    assert reconcile() == 0
    assert AuditEntry.objects.count() == 0
    bus.drain([group])
    assert seen == [event.event_id]


def test_what_was_lost_before_the_server_was_ever_met_is_put_back(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    seen: list[UUID] = []
    event = trade()
    bus.publish(event)
    (group,) = only(group_of(noting(seen)))
    bus.memory.flush()

    assert reconcile() == 1
    bus.drain([group])

    assert seen == [event.event_id]
    assert "bus.data-lost" not in AuditEntry.objects.values_list("action", flat=True)


def test_a_group_younger_than_the_store_is_not_given_what_came_before_it(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    bus.publish(trade(), trade())
    StoredEvent.objects.update(stored_at=now() - timedelta(hours=25))
    lose_entries(bus)
    (group,) = only(group_of(noting([]), name="young"))
    bus.publish(trade())
    bus.drain([group])

    assert reconcile() == 0


@pytest.mark.parametrize("start", ["beginning", "now"])
def test_a_loss_is_made_good_of_what_a_group_had_not_finished_when_it_finished_its_first(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]], start: str
) -> None:
    first, second = trade(), trade()
    waits = {first.event_id}

    def handle(event: Event, context: Context) -> None:
        if event.event_id in waits:
            raise Retry(delay_s=60)

    (group,) = only(group_of(handle, start=start))
    reconcile()
    bus.publish(first, second)
    bus.drain([group])
    assert handled_by("testers") == {second.event_id}
    waits.clear()

    bus.memory.flush()

    assert reconcile() == 1
    bus.drain([group])
    assert handled_by("testers") == {first.event_id, second.event_id}


def test_every_declared_group_can_be_compared(
    bus: Bus, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ASTRA = {**settings.ASTRA, "reconcile_after_s": -60}
    reconcile()
    bus.publish(trade())
    bus.drain()
    bus.memory.flush()
    expected = sum(g.idempotent and "Trading.TradeExecuted" in g.reads for g in groups())

    assert reconcile() == expected


def hold_and_lose(bus: Bus, group: Group, consumer: str = "dead") -> str:
    """Let somebody die with the first entry, which is then gone; its id."""
    (held,) = bus.transport.streams.read(group.name, consumer, [STREAM], 1, 0)
    del bus.memory._streams[STREAM].entries[parsed(held.entry_id)]
    assert bus.transport.streams.reclaim(STREAM, group.name, "alive", 0.0) == []
    return held.entry_id


@pytest.mark.parametrize("idempotent", [False, True])
def test_what_was_gone_while_it_was_held_goes_back_to_its_group(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]], idempotent: bool
) -> None:
    seen: list[UUID] = []
    other: list[UUID] = []
    held = group_of(noting(seen), name="holders", idempotent=idempotent)
    others = group_of(noting(other), name="others")
    declared = only(held, others)
    event = trade()
    bus.publish(event)
    bus.drain([others])
    reconcile()
    hold_and_lose(bus, held)

    assert reconcile() == 1
    bus.drain(declared)
    assert reconcile() == 0
    bus.drain(declared)

    assert (seen, other) == ([event.event_id], [event.event_id])
    row = AuditEntry.objects.get()
    assert (row.action, row.target, row.details["count"]) == ("bus.put-back", "holders", 1)
    assert bus.transport.mending.dropped([STREAM]) == []


def test_a_death_before_it_is_noted_as_looked_after_puts_nothing_back_twice(
    bus: Bus,
    group_of: GroupOf,
    only: Callable[..., list[Group]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = group_of(noting([]), name="holders")
    only(held)
    bus.publish(trade())
    hold_and_lose(bus, held)
    with monkeypatch.context() as broken:
        broken.setattr(bus.memory, "forget_dropped", lambda found: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reconcile()

    assert reconcile() == 0
    assert bus.transport.mending.dropped([STREAM]) == []
    assert AuditEntry.objects.count() == 1


def test_what_the_store_does_not_know_is_said_to_be_lost(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    held = group_of(noting([]), name="holders")
    only(held)
    bus.publish(trade())
    entry_id = hold_and_lose(bus, held)
    StoredEvent.objects.all().delete()

    assert reconcile() == 0

    row = AuditEntry.objects.get()
    assert (row.action, row.target) == ("bus.entries-lost", "holders")
    assert row.details["entries"] == [f"{entry_id}@{STREAM}@"]
    assert reconcile() == 0
    assert AuditEntry.objects.count() == 1


def test_a_retry_that_was_gone_while_it_was_held_is_found_by_comparing_everything(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    seen: list[UUID] = []
    held = group_of(noting(seen), name="holders")
    only(held)
    event = trade()
    bus.publish(event)
    streams = bus.transport.streams
    (delivery,) = streams.read("holders", "one", [STREAM], 1, 0)
    streams.settle("holders", [RetryLater(delivery, bus.clock.now(), ())])
    streams.promote(STREAM, "holders", bus.clock.now() + 1)
    (again,) = streams.read("holders", "dead", [STREAM], 1, 0)
    assert again.retry
    bus.memory._retry[STREAM, "holders"].entries.clear()
    streams.reclaim(STREAM, "holders", "alive", 0.0)

    assert reconcile() == 1
    bus.drain([held])

    assert seen == [event.event_id]
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["bus.entries-lost", "bus.put-back"]


def test_a_group_that_is_not_there_any_more_stops_nothing(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    held = group_of(noting([]), name="holders")
    only()
    bus.publish(trade())
    hold_and_lose(bus, held)
    del bus.memory._streams[STREAM].groups["holders"]

    reconcile()

    assert bus.transport.mending.dropped([STREAM]) == []


def test_what_its_group_was_moved_past_on_purpose_is_not_put_back(
    bus: Bus, group_of: GroupOf, only: Callable[..., list[Group]]
) -> None:
    held = group_of(noting([]), name="holders")
    only(held)
    bus.publish(trade())
    entry_id = hold_and_lose(bus, held)
    step = {"stream": STREAM, "before": "0-0", "after": entry_id}
    Operation.objects.create(
        kind="move", group_name="holders", details={"steps": [step]}, created_at=now()
    )

    assert reconcile() == 0

    assert bus.transport.mending.dropped([STREAM]) == []
    assert not AuditEntry.objects.exists()
