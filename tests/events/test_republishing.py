"""Stored events said again to everyone, as new events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from events import Context, Event, Reject
from events.groups import Group
from events.models import AuditEntry, DeadLetter, HandledEvent, Operation, StoredEvent
from events.operations import (
    CATCH_UP,
    NEW_EVENTS,
    Actor,
    Manner,
    Refused,
    advance_operations,
    begin,
    cancel,
    propose_history,
    redeliver_waiting,
    republishing,
)
from events.queries import chain, operations
from events.queries.history_filter import HistoryFilter
from events.queries.operation_plan import plan_of
from tests.bus_fixture import Bus
from tests.events.conftest import TRADE, trade

ADA = Actor("ada", "console", may_operate=True, may_admin=True, stepped_up=True)
TRADES = HistoryFilter(event_type=TRADE)
AT_ONCE = Manner(ramp=False)


class Reader:
    """A handler that notes what it is given, and rejects what it is told to."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.rejects: Callable[[Event], bool] = lambda event: False

    def handle(self, event: Event, context: Context) -> None:
        self.seen.append(event)
        if self.rejects(event):
            raise Reject("not this")


@pytest.fixture
def readers() -> tuple[Reader, Reader]:
    return Reader(), Reader()


@pytest.fixture
def both(
    monkeypatch: pytest.MonkeyPatch,
    bus: Bus,
    readers: tuple[Reader, Reader],
    group_of: Callable[..., Group],
) -> list[Group]:
    """Two groups that read trades; nobody else is there."""
    made = [group_of(reader.handle, name=f"readers_{n}") for n, reader in enumerate(readers)]
    monkeypatch.setattr(republishing, "groups", lambda: tuple(made))
    return made


def proposed(chosen: HistoryFilter = TRADES) -> Operation:
    return propose_history(ADA, "", chosen, NEW_EVENTS)


def begun(operation: Operation, manner: Manner = AT_ONCE) -> Operation:
    return begin(ADA, operation.pk, "the ledger was lost", manner, str(operation.total))


def run(bus: Bus, groups: list[Group], steps: int = 8) -> None:
    for _ in range(steps):
        advance_operations()
        redeliver_waiting()
        bus.drain(groups)
    advance_operations()


def states(operation: Operation) -> list[tuple[str, str]]:
    return list(operation.items.order_by("pk").values_list("state", "told"))


def test_every_group_is_given_a_new_event_that_names_the_original(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader]
) -> None:
    original = trade(metadata={"depth": 2, "synthetic": True})
    bus.publish(original)
    bus.drain(both)
    operation = begun(proposed())

    run(bus, both)

    assert [len(reader.seen) for reader in readers] == [2, 2]
    again = readers[0].seen[1]
    assert again.event_id != original.event_id
    kept = ("event_type", "event_version", "data", "entity_id", "occurred_at", "correlation_id")
    assert [getattr(again, one) for one in kept] == [getattr(original, one) for one in kept]
    assert again.causation_id == original.event_id
    assert again.producer.startswith("replay@")
    assert again.metadata == {
        "depth": 3,
        "synthetic": True,
        "replay_of": str(original.event_id),
        "replay_operation": operation.pk,
    }
    operation.refresh_from_db()
    assert (operation.kind, operation.group_name, operation.state) == ("republish", "", "done")
    (item,) = operation.items.all()
    assert (item.state, item.event_id, item.said_id) == (
        "handled",
        original.event_id,
        again.event_id,
    )
    audit = AuditEntry.objects.get()
    assert (audit.actor, audit.action) == ("ada", "operation.republish")
    assert StoredEvent.objects.get(event_id=original.event_id).body == original.to_json().decode()


def test_they_go_to_the_bus_once_whatever_looks_at_them(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader]
) -> None:
    bus.publish(*(trade() for _ in range(3)))
    operation = begun(proposed())

    run(bus, both)
    run(bus, both)

    assert [len(reader.seen) for reader in readers] == [6, 6]
    assert StoredEvent.objects.count() == 6
    assert states(operation) == [("handled", "")] * 3


def test_the_chain_shows_the_original_as_the_cause(bus: Bus, both: list[Group]) -> None:
    original = trade()
    bus.publish(original)
    bus.drain(both)
    begun(proposed())
    run(bus, both)

    found = chain.load(original.correlation_id)

    assert found
    assert found.count == 2
    assert found.recorded[1].event.causation_id == original.event_id


def test_a_ramp_stops_at_the_first_that_fails_in_any_group(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader]
) -> None:
    bus.publish(*(trade() for _ in range(30)))
    bus.drain(both)
    readers[1].rejects = lambda event: True
    operation = begun(proposed(), Manner())

    run(bus, both)

    operation.refresh_from_db()
    assert operation.state == "stopped"
    assert operation.state_reason == "1 of 1 failed again, more than 10 %; 29 were not tried"
    assert states(operation)[:2] == [("failed", "Reject in readers_1"), ("waiting", "")]
    assert len(readers[0].seen) == 31


def test_a_group_that_nobody_runs_is_waited_for_and_then_named(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader]
) -> None:
    bus.publish(*(trade() for _ in range(3)))
    bus.drain(both)
    operation = begun(proposed(), Manner())

    run(bus, both[:1])
    assert [state for state, _ in states(operation)] == ["sent", "waiting", "waiting"]
    view = operations.load(operation.pk)
    assert view
    assert view.counts == {"with the group": 1, "not sent": 2}
    late = republishing.WAITED_FOR + timedelta(seconds=1)
    item = operation.items.get(state="sent")
    assert item.sent_at
    item.sent_at -= late
    item.save()
    run(bus, both[:1])

    told = ("handled", "not handled yet by readers_1")
    assert states(operation)[0] == told
    assert [state for state, _ in states(operation)] == ["handled", "sent", "sent"]
    run(bus, both)
    assert states(operation) == [told, ("handled", ""), ("handled", "")]


def test_what_is_gone_or_does_not_validate_any_more_is_skipped(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    trades = [trade() for _ in range(5)]
    bus.publish(*trades)
    operation = proposed()
    StoredEvent.objects.filter(event_id=trades[4].event_id).update(body="{")
    rows = [StoredEvent.objects.get(event_id=one.event_id) for one in trades]
    rows[0].delete()
    for row, changed in ((rows[1], {"data": {"user_id": "x"}}), (rows[2], {"event_version": 9})):
        StoredEvent.objects.filter(pk=row.pk).update(
            body=json.dumps({**json.loads(row.body), **changed})
        )

    begun(operation)
    run(bus, both)

    gone, wrong, unknown, said, broken = states(operation)
    assert gone == ("skipped", "it is not stored any more")
    assert wrong[0] == "skipped"
    assert wrong[1].startswith(f"{TRADE}.v1 does not take it any more: data.")
    assert unknown == ("skipped", f"nobody registers {TRADE}.v9 any more")
    assert said == ("handled", "")
    assert broken == ("skipped", "what is stored of it is no event")


def test_nothing_is_said_where_it_cannot_be_noted(
    bus: Bus, both: list[Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.publish(trade())
    operation = begun(proposed())
    Operation.objects.filter(pk=operation.pk).update(settled={}, settled_to=0, state="running")
    operation.items.update(state="waiting", said_id=None, sent_at=None, relayed_at=None)
    StoredEvent.objects.filter(producer__startswith="replay@").delete()

    def broken(*given: object) -> None:
        raise RuntimeError("the disk")

    monkeypatch.setattr(republishing, "skip", broken)
    with pytest.raises(RuntimeError):
        advance_operations()

    assert StoredEvent.objects.count() == 1
    assert operation.items.get().state == "waiting"


@pytest.mark.parametrize(
    ("changes", "typed", "said"),
    [
        ({"may_admin": False}, "2", "needs the role admin"),
        ({"stepped_up": False}, "2", "Give your password again to say events again to everyone"),
        ({}, "", "Type the number of events, 2, to say events again to everyone"),
        ({}, "3", "Type the number of events, 2"),
    ],
)
def test_it_is_for_admins_with_the_password_and_the_number(
    bus: Bus, both: list[Group], changes: dict[str, bool], typed: str, said: str
) -> None:
    bus.publish(trade(), trade())
    operation = proposed()

    with pytest.raises(Refused, match=said):
        begin(replace(ADA, **changes), operation.pk, "why", AT_ONCE, typed)

    assert StoredEvent.objects.count() == 2
    operation.refresh_from_db()
    assert (operation.state, AuditEntry.objects.count()) == ("draft", 0)


def test_an_operator_cannot_even_propose_it(bus: Bus, both: list[Group]) -> None:
    bus.publish(trade())

    with pytest.raises(Refused, match="needs the role admin"):
        propose_history(replace(ADA, may_admin=False), "", TRADES, NEW_EVENTS)

    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("group", "mode", "said"),
    [
        ("readers_0", NEW_EVENTS, "to every group that reads them: leave readers_0 out"),
        ("", CATCH_UP, "Name the group"),
    ],
)
def test_a_group_is_named_for_all_modes_but_this(
    bus: Bus, both: list[Group], group: str, mode: str, said: str
) -> None:
    bus.publish(trade())

    with pytest.raises(Refused, match=said):
        propose_history(ADA, group, TRADES, mode)


def test_one_is_under_way_at_a_time(bus: Bus, both: list[Group]) -> None:
    bus.publish(trade())
    first, second = proposed(), proposed()
    begun(first)

    with pytest.raises(Refused, match=f"Operation {first.pk} over stored events for everyone"):
        begun(second)

    run(bus, both)
    assert StoredEvent.objects.count() == 2


def test_cancelled_it_says_nothing_more(
    bus: Bus, both: list[Group], readers: tuple[Reader, Reader]
) -> None:
    bus.publish(*(trade() for _ in range(5)))
    operation = begun(proposed(), Manner())

    cancel(ADA, operation.pk, "enough")
    run(bus, both)

    assert StoredEvent.objects.count() == 6
    assert states(operation) == [("handled", ""), *[("skipped", "cancelled")] * 4]


def test_the_draft_names_who_will_be_reached(bus: Bus, both: list[Group]) -> None:
    bus.publish(trade())

    plan = plan_of(proposed().pk)

    assert plan
    assert {"readers_0", "readers_1"} <= set(plan.readers)
    assert (plan.other_groups, plan.already_handled) == ((), 0)
    assert not DeadLetter.objects.exists()
    assert not HandledEvent.objects.filter(group__name="readers_0").exists()
