"""Stored events proposed to a group again, and rehearsed by a shadow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from events import Context, Event, groups, publish
from events.envelope import now
from events.groups import Group
from events.models import AuditEntry, HandledEvent, Operation, OperationItem, SeenType
from events.operations import (
    CATCH_UP,
    HANDLE_AGAIN,
    SHADOW,
    Actor,
    Manner,
    Refused,
    advance_operations,
    advance_shadows,
    begin,
    cancel,
    history,
    pause,
    propose_history,
    shadows,
)
from events.queries import operations, shadow
from events.queries.history_filter import HistoryFilter
from events.queries.operation_plan import plan_of
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.test_rehearsal import everything, revenue

OLGA = Actor("olga", "console", may_operate=True)
ADA = Actor("ada", "console", may_operate=True, may_admin=True, stepped_up=True)
ALL = HistoryFilter()


def note(event: Event, context: Context) -> None:
    """Writes a row for a trade of user 1, says something, and cannot take user 2."""
    if event.data["user_id"] == 2:
        raise ValueError("no account")
    at = event.occurred_at
    facts = {"event_type": "x", "event_version": 1, "count": 1, "first_at": at, "last_at": at}
    SeenType.objects.create(producer=str(event.event_id), **facts)
    context.caused("Financial.RevenueRecorded", revenue())
    publish(Event.new("Financial.RevenueRecorded", revenue()))


@pytest.fixture
def group(group_of: Callable[..., Group]) -> Group:
    return group_of(note)


def chosen_events(operation: Operation) -> list[Any]:
    return list(operation.items.order_by("pk").values_list("event_id", flat=True))


def test_what_matches_and_the_group_reads_is_frozen_oldest_first(bus: Bus, group: Group) -> None:
    trades = [trade(user_id=1), trade(user_id=3), trade(user_id=1)]
    unread = Event.new("User.UserRegistered", {"user_id": 1, "username": "m", "email": "m@x.org"})
    bus.publish(*trades, unread)
    HandledEvent.objects.all().delete()

    every = propose_history(OLGA, "testers", ALL, CATCH_UP)
    of_one = propose_history(OLGA, "testers", HistoryFilter(entity="user:1"), CATCH_UP)
    chain = propose_history(
        OLGA, "testers", HistoryFilter(correlation=str(trades[1].event_id)), CATCH_UP
    )
    past = HistoryFilter(event_type="TradeExecuted", since=now() - timedelta(hours=1))
    lately = propose_history(OLGA, "testers", past, CATCH_UP)
    bus.publish(trade())

    ids = [event.event_id for event in trades]
    assert chosen_events(every) == chosen_events(lately) == ids
    assert chosen_events(of_one) == [ids[0], ids[2]]
    assert chosen_events(chain) == [ids[1]]
    assert every.items.values_list("stream", flat=True)[0] == "astra.trading.tradeexecuted.v1"
    assert (every.kind, every.state, every.total) == ("history", "draft", 3)
    assert every.details["mode"] == "catch up"
    view = operations.load(lately.pk)
    assert view
    assert view.asked.startswith("type:TradeExecuted since:")
    assert not AuditEntry.objects.exists()


def test_a_draft_knows_how_many_the_inbox_has(bus: Bus, group: Group) -> None:
    bus.publish(trade(user_id=1), trade(user_id=2))
    bus.drain([group])

    plan = plan_of(propose_history(OLGA, "testers", HistoryFilter(entity="user:1"), CATCH_UP).pk)
    both = plan_of(propose_history(OLGA, "testers", ALL, CATCH_UP).pk)

    assert plan
    assert both
    assert (plan.already_handled, plan.types) == (1, ("Trading.TradeExecuted",))
    assert [handler.name for handler in both.handlers] == [group.handlers[0].name]


def test_to_catch_up_gives_the_group_what_its_inbox_does_not_know(bus: Bus, group: Group) -> None:
    bus.publish(trade(user_id=1), trade(user_id=1))
    bus.drain([group])
    seen = SeenType.objects.count()
    HandledEvent.objects.filter(group__name="testers").order_by("pk")[0].delete()
    SeenType.objects.order_by("pk")[0].delete()

    pk = propose_history(OLGA, "testers", ALL, CATCH_UP).pk
    begin(OLGA, pk, "it lost one", Manner(ramp=False))
    bus.drain([group])
    advance_operations()

    assert SeenType.objects.count() == seen == 2
    states = OperationItem.objects.order_by("state").values_list("state", flat=True)
    assert list(states) == ["handled", "skipped"]


def test_one_operation_over_stored_events_of_a_group_is_under_way_at_a_time(
    bus: Bus, group: Group
) -> None:
    bus.publish(trade(user_id=1))
    first, second = (propose_history(OLGA, "testers", ALL, CATCH_UP).pk for _ in range(2))
    begin(OLGA, first, "one tab", Manner(ramp=False))

    with pytest.raises(Refused, match=f"Operation {first} over stored events of testers is under"):
        begin(OLGA, second, "another", Manner(ramp=False))


@pytest.mark.parametrize(
    ("chosen", "mode", "sentence"),
    [
        (HistoryFilter(event_type="No.Such"), CATCH_UP, "No.Such is not a registered event type"),
        (HistoryFilter(correlation="x"), CATCH_UP, "x is no correlation id"),
        (HistoryFilter(entity="404"), CATCH_UP, "No stored event is like that"),
        (HistoryFilter(event_type="User.UserRegistered"), CATCH_UP, "read by testers"),
        (HistoryFilter(since=now(), until=now()), CATCH_UP, "ends before it begins|No stored"),
        (ALL, "somehow", "is no way to replay history"),
        (ALL, HANDLE_AGAIN, "needs the role admin"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_no_draft(
    bus: Bus, group: Group, chosen: HistoryFilter, mode: str, sentence: str
) -> None:
    bus.publish(trade())

    with pytest.raises(Refused, match=sentence):
        propose_history(OLGA, "testers", chosen, mode)

    assert not Operation.objects.exists()


def test_more_than_an_operation_takes_is_refused(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_EVENTS", 1)
    bus.publish(trade(), trade())

    with pytest.raises(Refused, match="More than 1 stored events"):
        propose_history(OLGA, "testers", ALL, CATCH_UP)

    assert not OperationItem.objects.exists()


def test_to_handle_again_needs_an_admin_the_typed_name_and_handlers_that_are_repeatable(
    bus: Bus, group: Group, group_of: Callable[..., Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.publish(trade())
    with pytest.raises(Refused, match="is not declared repeatable"):
        propose_history(ADA, "testers", ALL, HANDLE_AGAIN)
    group_of(note, repeatable=True)
    draft = propose_history(ADA, "testers", ALL, HANDLE_AGAIN).pk
    for_what = Actor("ada", "console", may_operate=True, may_admin=True)

    def refused(actor: Actor, typed: str) -> str:
        with pytest.raises(Refused) as why:
            begin(actor, draft, "again", Manner(), typed)
        return str(why.value)

    assert "needs the role admin" in refused(OLGA, "testers")
    assert "Give your password again" in refused(for_what, "testers")
    assert "Type the name of the group, testers" in refused(ADA, "tester")
    group_of(note)
    assert "is not declared repeatable" in refused(ADA, "testers")
    assert Operation.objects.get().state == "draft"
    group_of(note, repeatable=True)
    begin(ADA, draft, "again", Manner(), "testers")
    assert Operation.objects.get().state != "draft"


def test_a_shadow_commits_nothing_and_keeps_what_each_event_would_have_come_to(
    bus: Bus, group: Group
) -> None:
    bus.publish(trade(user_id=1), trade(user_id=2), trade(user_id=1))
    draft = propose_history(OLGA, "testers", ALL, SHADOW)
    begin(OLGA, draft.pk, "before we begin", Manner())
    before = untouched(bus)

    while Operation.objects.get().state == "running":
        advance_shadows()

    assert untouched(bus) == before
    view = operations.load(draft.pk)
    assert view
    assert (view.kind, view.state, view.handled, view.failed) == ("shadow", "done", 2, 1)
    found = shadow.load(draft.pk)
    assert [(one.error, one.count, one.message) for one in found.failures] == [
        ("ValueError", 1, "no account")
    ]
    assert found.says == {"Financial.RevenueRecorded": 4}
    assert [(rows.table, rows.inserted) for rows in found.writes] == [("events_seentype", 2)]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("operation.shadow", "before we begin")


def untouched(bus: Bus) -> dict[str, Any]:
    """Everything but the operation itself."""
    found = everything(bus)
    del found["events_operation"], found["events_operationitem"]
    return found


def test_a_shadow_that_is_paused_or_cancelled_goes_no_further(bus: Bus, group: Group) -> None:
    bus.publish(trade(), trade())
    pk = propose_history(OLGA, "testers", ALL, SHADOW).pk
    begin(OLGA, pk, "look", Manner())
    pause(OLGA, pk)

    advance_shadows()
    states = set(OperationItem.objects.values_list("state", flat=True))
    cancel(OLGA, pk)
    advance_shadows()

    assert states == {"waiting"}
    assert set(OperationItem.objects.values_list("state", flat=True)) == {"skipped"}


def test_a_shadow_that_is_paused_while_it_runs_ends_with_the_event_at_hand(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.publish(trade(), trade())
    pk = propose_history(OLGA, "testers", ALL, SHADOW).pk
    begin(OLGA, pk, "look", Manner())
    rehearsed = shadows.rehearsed

    def pause_and_rehearse(*given: Any) -> Any:
        pause(OLGA, pk)
        return rehearsed(*given)

    monkeypatch.setattr(shadows, "rehearsed", pause_and_rehearse)
    advance_shadows()

    states = OperationItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["handled", "waiting"]


def test_what_calls_the_outside_world_has_no_shadow(
    bus: Bus, group_of: Callable[..., Group]
) -> None:
    group_of(note, external=True)
    bus.publish(trade())

    with pytest.raises(Refused, match="cannot be rehearsed"):
        propose_history(OLGA, "testers", ALL, SHADOW)


def test_the_job_that_rehearses_is_one_of_the_periodic_ones() -> None:
    assert "shadows" in {job.name for job in groups.jobs()}
