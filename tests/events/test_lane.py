"""Several groups in one thread: together where they share a lock, never in each other's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import Context, Event, Reject, Retry, worker
from events.conf import bus_settings
from events.groups import Group
from events.lane import Lane
from events.models import HandledEvent
from events.transport.base import RELEASED
from events.worker import STUCK, Worker
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.waiting import eventually

STREAM = "astra.trading.tradeexecuted.v1"
XP = {"user_id": 123, "xp": 15, "source": "trade", "reason": "test"}

GroupOf = Callable[..., Group]


def noting(seen: list[UUID]) -> Callable[[Event, Context], None]:
    def note(event: Event, context: Context) -> None:
        seen.append(event.event_id)

    return note


def marks(group: str) -> int:
    return HandledEvent.objects.filter(group__name=group).count()


def transactions(queries: CaptureQueriesContext) -> int:
    return sum(query["sql"].startswith("BEGIN") for query in queries.captured_queries)


def test_groups_share_a_transaction_on_sqlite(bus: Bus, group_of: GroupOf) -> None:
    groups = [group_of(noting([]), name=name) for name in ("first", "second", "third")]
    bus.publish(trade())
    for group in groups:
        Worker([group])._runners[0].execution.prepare()

    with CaptureQueriesContext(connection) as queries:
        bus.drain(groups)

    assert [marks(group.name) for group in groups] == [1, 1, 1]
    expected = 1 if connection.vendor == "sqlite" else 3
    assert transactions(queries) == expected or connection.vendor != "sqlite"


@pytest.mark.parametrize("failing_first", [True, False])
def test_a_failure_undoes_no_other_group_and_runs_nobody_twice(
    bus: Bus, group_of: GroupOf, failing_first: bool
) -> None:
    seen: list[UUID] = []
    attempts: list[UUID] = []

    def fails(event: Event, context: Context) -> None:
        attempts.append(event.event_id)
        context.caused("Gamification.XPGained", XP)
        raise Reject("no")

    well, ill = group_of(noting(seen), name="well"), group_of(fails, name="ill")
    event = trade()
    bus.publish(event)

    bus.drain([ill, well] if failing_first else [well, ill])

    assert (seen, attempts) == ([event.event_id], [event.event_id])
    assert (marks("well"), marks("ill")) == (1, 0)
    assert [letter.group_name for letter in bus.dead_letters()] == ["ill"]
    assert bus.events("Gamification.XPGained") == []


def test_of_a_failed_unit_only_the_guilty_event_suffers_beside_another_group(
    bus: Bus, group_of: GroupOf
) -> None:
    def picky(event: Event, context: Context) -> None:
        if event.data["user_id"] == 13:
            raise Retry("unlucky")

    well, ill = group_of(noting([]), name="well"), group_of(picky, name="ill")
    bus.publish(*(trade(user_id=number) for number in range(11, 16)))

    bus.drain([well, ill])

    assert (marks("well"), marks("ill")) == (5, 4)
    waiting = bus.transport.inspector.retries([(STREAM, "ill")])[STREAM, "ill"]
    assert (waiting.waiting, waiting.pending) == (1, 0)


def test_what_two_groups_say_is_relayed_before_they_acknowledge(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    append, settle = bus.memory.append, bus.memory.settle_all
    monkeypatch.setattr(
        bus.memory, "append", lambda batch: (order.append("append"), append(batch))[1]
    )
    monkeypatch.setattr(
        bus.memory, "settle_all", lambda work: (order.append("settle"), settle(work))[1]
    )

    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)

    bus.publish(trade())
    order.clear()
    bus.drain([group_of(says, name="one"), group_of(says, name="two")])

    if connection.vendor == "sqlite":
        assert order == ["append", "settle"]
    assert order[0] == "append"
    assert len(bus.events("Gamification.XPGained")) == 2


def test_the_next_read_is_on_its_way_while_a_full_one_is_run(
    bus: Bus, group_of: GroupOf, settings: Settings
) -> None:
    """Reading and running take turns otherwise: a third of the rate of consuming went with it."""
    settings.ASTRA = {**settings.ASTRA, "batch_size": 10}
    asked: list[int] = []
    in_handlers: list[int] = []

    def note(event: Event, context: Context) -> None:
        in_handlers.append(len(asked))

    (runner,) = Worker([group_of(note)])._runners
    lane = Lane([runner], threading.Event(), bus_settings())
    ask = runner.reader.ask
    runner.reader.ask = lambda count: (asked.append(count), ask(count))[1]  # type: ignore[method-assign]
    bus.publish(*(trade() for _ in range(15)))

    lane._round()

    assert in_handlers == [2] * 10, "asked again before the first is run"
    lane._round()
    assert len(in_handlers) == 15


def test_a_unit_takes_no_longer_than_its_time(
    bus: Bus, group_of: GroupOf, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "batch_budget_ms": 0.000_1}
    group = group_of(noting([]))
    bus.publish(*(trade() for _ in range(5)))
    Worker([group])._runners[0].execution.prepare()

    with CaptureQueriesContext(connection) as queries:
        bus.drain([group])

    assert marks("testers") == 5
    assert transactions(queries) == 5 or connection.vendor != "sqlite"


def test_batch_handlers_get_fewer_at_once_when_they_prove_slow(
    bus: Bus, group_of: GroupOf, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "batch_budget_ms": 5.0}
    sizes: list[int] = []

    def slow(events: list[Event], contexts: list[Context]) -> None:
        sizes.append(len(events))
        spent = threading.Event()
        spent.wait(0.002 * len(events))  # two milliseconds an event

    bus.publish(*(trade() for _ in range(40)))
    bus.drain([group_of(slow, batch=True)])

    if connection.vendor == "sqlite":
        assert sizes[0] == 10
        assert max(sizes[1:]) <= 3
    assert sum(sizes) == 40


@pytest.fixture
def run(bus: Bus, settings: Settings) -> Iterator[Callable[..., tuple[Worker, Callable[[], int]]]]:
    """Start workers in threads; gives the worker and a function that waits for its exit status."""
    quick = {"block_ms": 20, "lease_s": 300.0, "heartbeat_s": 0.05}
    settings.ASTRA = {**settings.ASTRA, **quick}
    started: list[tuple[Worker, threading.Thread]] = []

    def start(*groups: Group, **options: float) -> tuple[Worker, Callable[[], int]]:
        made = Worker(list(groups), report=lambda line: None, **options)
        status: list[int] = []
        thread = threading.Thread(target=lambda: status.append(made.run()))
        thread.start()
        started.append((made, thread))

        def ended() -> int:
            thread.join(10)
            assert status, "the worker has not ended"
            return status[0]

        return made, ended

    yield start
    for made, thread in started:
        made.stop()
        thread.join(10)


def test_a_handler_that_runs_too_long_is_stopped_and_retried(
    bus: Bus, group_of: GroupOf, run: Callable[..., tuple[Worker, Callable[[], int]]]
) -> None:
    def slow(event: Event, context: Context) -> None:
        while event.data["user_id"] == 13:
            pass

    bus.publish(trade(user_id=12), trade(user_id=13), trade(user_id=14))
    run(group_of(slow, timeout_s=0.05))

    eventually(lambda: marks("testers") == 2, what="the others are handled")
    (state,) = eventually(
        lambda: bus.transport.inspector.retry_states(
            STREAM, bus.events()[1].event_id, ["testers"]
        ).values(),
        what="the guilty one waits for a retry",
    )
    assert "HandlerTimeout" in state.error
    assert "ran longer than 0.05 s" in state.error


def test_a_worker_leaves_a_handler_behind_that_cannot_be_stopped(
    bus: Bus,
    group_of: GroupOf,
    run: Callable[..., tuple[Worker, Callable[[], int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "GRACE_S", 0.05)
    go_on, seen = threading.Event(), []

    def deaf(event: Event, context: Context) -> None:
        seen.append(event.event_id)
        go_on.wait(10)

    events = [trade() for _ in range(30)]
    bus.publish(*events)
    _, ended = run(group_of(deaf, timeout_s=0.05, external=True), group_of(noting([]), name="b"))

    assert ended() == STUCK
    held = pending(bus)
    go_on.set()
    assert held[RELEASED] == 29
    assert seen == [events[0].event_id]
    assert bus.transport.presence.alive() == ()


def test_draining_ends_when_its_time_is_over(
    bus: Bus, group_of: GroupOf, run: Callable[..., tuple[Worker, Callable[[], int]]]
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def slow(event: Event, context: Context) -> None:
        begun.set()
        go_on.wait(10)

    bus.publish(trade(), trade())
    made, ended = run(group_of(slow, external=True), drain_timeout_s=0.1)
    assert begun.wait(10)

    made.stop()

    assert ended() == STUCK
    assert pending(bus)[RELEASED] == 1
    go_on.set()


def test_a_slow_group_keeps_its_lane_and_the_others_go_on_in_another(
    bus: Bus, group_of: GroupOf, run: Callable[..., tuple[Worker, Callable[[], int]]]
) -> None:
    """On PostgreSQL. On SQLite they would wait for the same write lock anywhere."""
    go_on, begun = threading.Event(), threading.Event()

    def slow(event: Event, context: Context) -> None:
        begun.set()
        assert go_on.wait(20)

    groups = [group_of(slow, name="slow"), group_of(noting([]), name="quick")]
    made, ended = run(*groups, threads=1)
    bus.publish(trade())
    assert begun.wait(10)

    bus.publish(trade(), trade())
    if connection.vendor == "sqlite":
        assert [len(lane.runners) for lane in made._lanes] == [2]
    else:
        eventually(lambda: marks("quick") == 3, what="the quick one goes on")
        assert [len(lane.runners) for lane in made._lanes] == [1, 1]
    assert marks("slow") == 0

    go_on.set()
    eventually(lambda: (marks("slow"), marks("quick")) == (3, 3), what="both come to their end")
    made.stop()
    assert ended() == 0


def test_what_runs_is_renewed_while_the_worker_drains(
    bus: Bus,
    group_of: GroupOf,
    run: Callable[..., tuple[Worker, Callable[[], int]]],
    settings: Settings,
) -> None:
    settings.ASTRA = {**settings.ASTRA, "lease_s": 0.3}
    go_on, begun = threading.Event(), threading.Event()

    def slow(event: Event, context: Context) -> None:
        begun.set()
        assert go_on.wait(10)

    bus.publish(trade())
    made, ended = run(group_of(slow))
    assert begun.wait(10)
    made.stop()
    renewed: list[str] = []
    renew = bus.memory.renew
    bus.memory.renew = lambda *words: (renewed.append(words[0]), renew(*words))[1]  # type: ignore[method-assign]

    eventually(lambda: len(renewed) >= 2, what="its lease is renewed")
    go_on.set()
    assert ended() == 0


def pending(bus: Bus, group: str = "testers") -> dict[str, int]:
    """How many entries each consumer holds."""
    with bus.memory.changed:
        held = list(bus.memory._streams[STREAM].groups[group].pending.values())
    names = [entry.consumer for entry in held]
    return {name: names.count(name) for name in names}
