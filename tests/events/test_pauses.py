"""A paused group: who may pause it, what its workers do then, and who knows that they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from events import Context, Event, Retry, pauses, retries, runner
from events.envelope import now
from events.groups import Group
from events.models import AuditEntry, Operation, PausedGroup
from events.operations import Actor, Refused, pause_group, resume_group
from events.pauses import Pauses
from events.queries.snapshot import GroupState, take
from tests.bus_fixture import Bus
from tests.events.conftest import Started, trade
from tests.events.test_worker import STREAM, Gate, handled, pending
from tests.waiting import eventually

GroupOf = Callable[..., Group]

OLGA = Actor("olga", "console", may_operate=True)
VICTOR = Actor("victor", "console")
GROUP = "testers"


@pytest.fixture
def quick(brisk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that look for pauses often."""
    monkeypatch.setattr(pauses, "LOOK_EVERY_S", 0.02)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def handle(event: Event, context: Context) -> None:
    """Do nothing."""


def state() -> GroupState:
    found = take().group(GROUP)
    assert found is not None
    return found


def still(bus: Bus) -> list[tuple[str, ...]]:
    """Which groups each worker says it has paused."""
    return [worker.paused for worker in bus.transport.presence.alive()]


@contextmanager
def no_database() -> Iterator[None]:
    """The table of pauses cannot be read."""

    def away(*given: Any, **named: Any) -> None:
        raise OperationalError("the database is away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PausedGroup.objects, "values_list", away)
        yield


# --- who may ------------------------------------------------------------------------------------


def test_a_pause_keeps_who_and_why_and_both_ways_are_audited(bus: Bus, group_of: GroupOf) -> None:
    group_of(handle)

    pause_group(OLGA, GROUP, " the ledger is being mended ")
    paused = state().paused
    resume_group(OLGA, GROUP, "mended")

    assert paused is not None
    assert (paused.actor, paused.via, paused.reason) == (
        "olga",
        "console",
        "the ledger is being mended",
    )
    assert state().paused is None
    rows = AuditEntry.objects.order_by("seq").values_list("action", "target", "reason")
    assert list(rows) == [
        ("group.pause", GROUP, "the ledger is being mended"),
        ("group.resume", GROUP, "mended"),
    ]


@pytest.mark.parametrize(
    ("act", "actor", "name", "reason", "told"),
    [
        (pause_group, VICTOR, GROUP, "x", "needs the role operator"),
        (resume_group, VICTOR, GROUP, "x", "needs the role operator"),
        (pause_group, OLGA, GROUP, " ", "a pause needs a reason"),
        (resume_group, OLGA, GROUP, " ", "a resume needs a reason"),
        (pause_group, OLGA, "nobody", "x", "No installed app declares the group nobody"),
        (resume_group, OLGA, GROUP, "x", "testers is not paused"),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_is_written(
    bus: Bus,
    group_of: GroupOf,
    act: Callable[[Actor, str, str], object],
    actor: Actor,
    name: str,
    reason: str,
    told: str,
) -> None:
    group_of(handle)

    with pytest.raises(Refused, match=told):
        act(actor, name, reason)

    assert (PausedGroup.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_a_second_pause_is_refused_by_naming_the_first(bus: Bus, group_of: GroupOf) -> None:
    group_of(handle)
    pause_group(OLGA, GROUP, "first")

    with pytest.raises(Refused, match="testers is paused already, by olga: first"):
        pause_group(OLGA, GROUP, "second")

    assert (PausedGroup.objects.get().reason, AuditEntry.objects.count()) == ("first", 1)


def test_a_group_that_is_being_moved_is_not_resumed(bus: Bus, group_of: GroupOf) -> None:
    group_of(handle)
    pause_group(OLGA, GROUP, "to move it")
    at = now()
    Operation.objects.create(
        kind="move", group_name=GROUP, state="running", created_at=at, started_at=at
    )

    with pytest.raises(Refused, match="is being moved by operation"):
        resume_group(OLGA, GROUP, "go on")

    assert PausedGroup.objects.exists()


# --- in a worker --------------------------------------------------------------------------------


def test_a_paused_group_finishes_what_runs_and_gives_back_the_rest(
    bus: Bus, group_of: GroupOf, started: Started, quick: None, gate: Gate
) -> None:
    # One that calls outside holds no lock while it runs, so that the pause can be written.
    group, other = group_of(gate.handle, external=True), group_of(handle, name="others")
    bus.publish(*(trade() for _ in range(8)))
    first, second = started(group), started(group)
    assert gate.begun.wait(10)

    pause_group(OLGA, GROUP, "look at it")
    workers = (first, second)
    eventually(lambda: all(one._runners[0].paused for one in workers), what="both know")
    eventually(lambda: still(bus).count((GROUP,)) == 1, what="one worker stands still")
    eventually(lambda: state().finishing == 1, what="it is known that the other still finishes")
    bus.publish(*(trade() for _ in range(3)))
    gate.go_on.set()
    eventually(lambda: still(bus) == [(GROUP,), (GROUP,)], what="both stand still")

    done = handled()
    assert 1 <= done < 8
    assert set(pending(bus)) <= {"_released"}
    assert state().finishing == 0
    started(other)
    eventually(lambda: handled("others") == 11, what="another group goes on")
    assert handled() == done

    resume_group(OLGA, GROUP, "it is all right")
    eventually(lambda: handled() == 11, what="it goes on where it stood")
    eventually(lambda: pending(bus) == {}, what="nothing is left")
    assert set(gate.attempts) == {1}
    assert {first.name, second.name} <= {w.name for w in bus.transport.presence.alive()}


def test_a_worker_that_starts_keeps_the_pause(
    bus: Bus, group_of: GroupOf, started: Started, quick: None
) -> None:
    group = group_of(handle)
    pause_group(OLGA, GROUP, "look at it")
    bus.publish(trade())

    started(group)
    eventually(lambda: still(bus) == [(GROUP,)], what="it stands still")

    assert (handled(), state().lag) == (0, 1)


def test_a_paused_group_wakes_no_retries(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(event: Event, context: Context) -> None:
        raise Retry(delay_s=1.0)

    group = group_of(later)
    bus.publish(trade())
    bus.drain([group])
    pause_group(OLGA, GROUP, "look at it")
    bus.publish(trade())
    late = SimpleNamespace(time=lambda: time.time() + 400.0, monotonic=time.monotonic)
    monkeypatch.setattr(retries, "time", late)  # they are due

    assert bus.drain([group]) == 0

    found = bus.transport.inspector.retries([(STREAM, GROUP)])[STREAM, GROUP]
    assert (found.waiting, found.pending, found.next_due_at is None) == (1, 0, False)
    assert state().lag == 1
    resume_group(OLGA, GROUP, "go on")
    assert bus.drain([group]) > 1


def test_a_bus_that_is_away_while_it_gives_back_is_tried_again(
    bus: Bus,
    group_of: GroupOf,
    started: Started,
    quick: None,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "BACKOFF_S", (0.02,))
    worker = started(group_of(gate.handle, external=True))
    bus.publish(*(trade() for _ in range(5)))
    assert gate.begun.wait(10)
    release, refusals = bus.memory.release, iter([True, True])

    def refuse(*given: Any) -> None:
        bus.memory.down = "test" if next(refusals, False) else ""
        try:
            release(*given)
        finally:
            bus.memory.down = ""

    monkeypatch.setattr(bus.memory, "release", refuse)
    pause_group(OLGA, GROUP, "look at it")
    eventually(lambda: worker._runners[0].paused, what="it knows")
    gate.go_on.set()

    eventually(lambda: still(bus) == [(GROUP,)], what="it stands still in the end")
    assert set(pending(bus)) <= {"_released"}
    assert next(refusals, None) is None


def test_a_database_that_is_away_changes_nothing(
    bus: Bus, group_of: GroupOf, settings: Settings
) -> None:
    group_of(handle)
    known = Pauses()

    with no_database():
        assert (known.look(), known.include(GROUP)) == (False, True)  # nobody could run it anyway
    assert (known.look(), known.include(GROUP)) == (True, False)
    pause_group(OLGA, GROUP, "look at it")
    with no_database():
        assert (known.look(), known.include(GROUP)) == (False, False)
    assert (known.look(), known.include(GROUP)) == (True, True)
    with no_database():
        assert (known.look(), known.include(GROUP)) == (False, True)
