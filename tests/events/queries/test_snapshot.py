"""One reading of everything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from events import Reject
from events.audit import DATA_LOST, PUT_BACK, record
from events.envelope import now
from events.groups import groups
from events.models import DeadLetter, StoredEvent
from events.presence import Heartbeat
from events.queries import snapshot
from events.reconciler import SYSTEM
from events.transport.base import ServerInfo
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus


def test_a_group_that_is_behind_says_by_how_much_and_how_long(bus: Bus) -> None:
    bus.publish(trade(), trade())

    state = snapshot.take().group("revenue_trackers")

    assert state is not None
    assert (state.lag, state.pending, state.added, state.delivered) == (2, 0, 2, 0)
    assert state.oldest_waiting_at is not None
    assert state.oldest_waiting_s is not None
    assert state.oldest_waiting_s >= 0


def test_after_everything_is_handled_nothing_waits(bus: Bus) -> None:
    bus.publish(trade())
    bus.drain()

    taken = snapshot.take()

    assert all(group.quiet for group in taken.groups)
    assert {group.oldest_waiting_s for group in taken.groups} == {0.0}
    revenue = taken.group("revenue_trackers")
    assert revenue is not None
    assert revenue.delivered == revenue.added == 1


def test_a_bus_that_is_gone_is_a_reason_and_its_figures_are_unknown(bus: Bus) -> None:
    with no_bus(bus):
        taken = snapshot.take()

    assert (taken.bus.reachable, taken.bus.reason) == (
        False,
        "the bus server does not answer: connection refused",
    )
    assert {group.lag for group in taken.groups} == {None}
    assert {group.lag_unknown_because for group in taken.groups} == {snapshot.NOT_READ}
    assert {stream.length for stream in taken.streams} == {None}


def test_events_that_wait_for_the_bus_are_counted(bus: Bus) -> None:
    with no_bus(bus):
        bus.publish(trade(), trade())

    relay = snapshot.take().relay

    assert (relay.waiting, relay.capped) == (2, False)
    assert relay.oldest_at == StoredEvent.objects.order_by("seq")[0].stored_at


def test_open_dead_letters_count_for_their_group_and_closed_ones_do_not(
    bus: Bus, broken: Break
) -> None:
    broken("revenue_trackers", Reject("no"))
    bus.publish(trade(), trade())
    bus.drain(groups())
    DeadLetter.objects.filter(pk=bus.dead_letters()[0].pk).update(state="resolved")

    taken = snapshot.take()

    assert taken.dead_letters_by_group == {"revenue_trackers": 1}
    assert taken.dead_letters_open == 1
    assert taken.worst_first()[0].name == "revenue_trackers"


def test_the_group_whose_oldest_waits_longest_comes_first(bus: Bus) -> None:
    bus.publish(trade())
    bus.drain([group for group in bus.groups if group.name != "metrics_collectors"])
    taken = snapshot.take()
    old = tuple(
        group
        if group.name != "metrics_collectors"
        else snapshot.GroupState(group.name, "analytics", "A", 1, lag=1, oldest_waiting_s=60.0)
        for group in taken.groups
    )

    worst = snapshot.Snapshot(taken.at, taken.bus, taken.streams, old).worst_first()[0]

    assert worst.name == "metrics_collectors"


def test_a_group_that_is_not_set_up_has_an_unknown_lag_and_says_what_to_do(bus: Bus) -> None:
    bus.publish(trade())
    del bus.memory._streams["astra.trading.tradeexecuted.v1"].groups["revenue_trackers"]

    state = snapshot.take().group("revenue_trackers")

    assert state is not None
    assert state.lag is None
    assert "setup_streams" in state.lag_unknown_because


def test_what_it_costs_does_not_grow_with_what_there_is(
    bus: Bus, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    bus.publish(*(trade() for _ in range(50)))

    with django_assert_num_queries(7):  # type: ignore[operator]
        snapshot.take()


def test_the_time_of_an_entry_is_in_its_id() -> None:
    at = snapshot.entry_time("1795235299452-3")

    assert at is not None
    assert at.utcoffset() == timedelta(0)
    assert at.timestamp() == pytest.approx(1795235299.452)
    assert snapshot.entry_time("0-0") is None
    assert snapshot.entry_time("") is None


def test_a_server_above_its_share_of_memory_is_in_the_reading(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerInfo("memory", "1", 85, 100, 0, "noeviction")
    monkeypatch.setattr(bus.memory, "server", lambda: server)

    assert "85%" in snapshot.take().pressure.memory


def test_what_workers_leave_alone_is_counted_by_group(bus: Bus) -> None:
    for left in ({"revenue_trackers": ("mail",)}, {"revenue_trackers": ("mail", "sms")}, {}):
        Heartbeat("worker", ["revenue_trackers"]).beat_if_due(breakers=left)

    state = snapshot.take().group("revenue_trackers")

    assert state is not None
    assert (state.breakers, state.quiet) == ({"mail": 2, "sms": 1}, False)


def test_what_the_bus_had_lost_is_known_for_an_hour(bus: Bus) -> None:
    assert snapshot.take().losses is None
    with transaction.atomic():
        record(SYSTEM, DATA_LOST, "bus")
        record(SYSTEM, PUT_BACK, "a", count=3)
        record(SYSTEM, PUT_BACK, "b", count=1)
        record(SYSTEM, PUT_BACK, "a", count=2)
        record(SYSTEM, "dead-letters.replay", "a", count=9)

    losses = snapshot.take().losses
    assert losses is not None
    assert (losses.everything, losses.put_back) == (True, {"a": 5, "b": 1})
    assert snapshot.losses_since(now() + timedelta(seconds=1)) is None
