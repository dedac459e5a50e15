"""Handling again what was handled, and detaching a group nobody declares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from events import Context, Event
from events.envelope import now
from events.groups import Group
from events.models import AuditEntry, DeadLetter, HandledEvent, Operation, StoredEvent
from events.operations import (
    Actor,
    Manner,
    Refused,
    advance_operations,
    detach_group,
    handle_again,
    redeliver_waiting,
)
from events.presence import Heartbeat
from events.queries import group_again, leftovers
from events.queries.group_again import AgainPreview
from events.queries.snapshot import take
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.test_worker import STREAM

GroupOf = Callable[..., Group]

ADA = Actor("ada", "console", may_operate=True, may_admin=True, stepped_up=True)
OLGA = Actor("olga", "console", may_operate=True, stepped_up=True)
GROUP, GONE = "testers", "leavers"


class Counting:
    """A handler that counts what it is given."""

    def __init__(self) -> None:
        self.seen: Counter[UUID] = Counter()

    def handle(self, event: Event, context: Context) -> None:
        self.seen[event.event_id] += 1


@pytest.fixture
def counting() -> Counting:
    return Counting()


def published(bus: Bus, count: int) -> list[UUID]:
    events = [trade() for _ in range(count)]
    bus.publish(*events)
    return [event.event_id for event in events]


def shown() -> AgainPreview:
    found = group_again.preview(GROUP, now() - timedelta(minutes=10), now())
    assert found is not None
    return found


def ask(preview: AgainPreview, actor: Actor = ADA, **given: Any) -> Operation:
    wanted = {"expected": preview.count, "typed": GROUP, "reason": "wrong fees"} | given
    return handle_again(actor, GROUP, preview.asked, manner=Manner(ramp=False), **wanted)


def test_exactly_what_was_handled_in_the_range_is_handled_again_and_nothing_moves(
    bus: Bus, group_of: GroupOf, counting: Counting
) -> None:
    group = group_of(counting.handle, repeatable=True)
    other = group_of(counting.handle, name="others", repeatable=True)
    old, done = published(bus, 2), published(bus, 3)
    bus.drain([group])
    StoredEvent.objects.filter(event_id__in=old).update(stored_at=now() - timedelta(hours=1))
    waits = published(bus, 1)
    preview = shown()
    late = published(bus, 1)
    bus.drain([group])
    before = bus.transport.moving.standing(STREAM, GROUP, 10)

    operation = ask(preview)

    assert bus.transport.moving.standing(STREAM, GROUP, 10) == before
    assert preview.types == (("Trading.TradeExecuted", 3),)
    assert set(operation.items.values_list("event_id", flat=True)) == set(done)
    for _ in range(3):
        bus.drain([group])
        advance_operations()
        redeliver_waiting()
    operation.refresh_from_db()
    assert (operation.state, operation.items.filter(state="handled").count()) == ("done", 3)
    assert [counting.seen[one] for one in (*old, *done, *waits, *late)] == [1, 1, 2, 2, 2, 1, 1]
    assert not HandledEvent.objects.filter(group__name=other.name).exists()
    assert AuditEntry.objects.get(action="group.handle-again").details["events"] == 3


@pytest.mark.parametrize(
    ("actor", "given", "told"),
    [
        (OLGA, {}, "needs the role admin"),
        (replace(ADA, stepped_up=False), {}, "Give your password again"),
        (ADA, {"typed": "tester"}, "Type the name of the group, testers"),
        (ADA, {"reason": " "}, "needs a reason"),
        (ADA, {"expected": 7}, "7 events were shown, and 2 are there now"),
    ],
)
def test_handling_again_is_for_admins_who_mean_it(
    bus: Bus,
    group_of: GroupOf,
    counting: Counting,
    actor: Actor,
    given: dict[str, Any],
    told: str,
) -> None:
    group = group_of(counting.handle, repeatable=True)
    published(bus, 2)
    bus.drain([group])

    with pytest.raises(Refused, match=told):
        ask(shown(), actor, **given)

    assert HandledEvent.objects.filter(group__name=GROUP).count() == 2
    assert (Operation.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_two_at_a_time_are_refused_or_an_event_would_be_handled_twice_again(
    bus: Bus, group_of: GroupOf, counting: Counting
) -> None:
    group = group_of(counting.handle, repeatable=True)
    published(bus, 2)
    bus.drain([group])
    preview = shown()
    first = ask(preview)

    with pytest.raises(Refused, match=f"Operation {first.pk} over stored events of testers"):
        ask(preview)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({}, r"Counting.handle is not declared repeatable: testers may not handle an event twice"),
        ({"idempotent": True}, "testers keeps no inbox"),
    ],
)
def test_what_may_not_be_repeated_is_not(
    bus: Bus, group_of: GroupOf, counting: Counting, declared: dict[str, bool], told: str
) -> None:
    bus.drain([group_of(counting.handle, **declared)])
    preview = shown()

    assert preview.refused
    with pytest.raises(Refused, match=told):
        ask(preview)


# --- detaching ----------------------------------------------------------------------------------


@pytest.fixture
def left(bus: Bus) -> str:
    """A group nobody declares, with three entries that wait, one of them held, and a letter."""
    group = Group(GONE, "trading", ())
    bus.transport.streams.ensure_group(STREAM, GONE)
    published(bus, 3)
    bus.transport.streams.read(GONE, "gone:1:a", [STREAM], 1, 0)
    at = now()
    DeadLetter.objects.create(
        group_name=GONE, stream=STREAM, entry_id="1-1", body=b"x", kind="permanent",
        error_class="Reject", message="no", fingerprint="f", worker="w", code_version="1",
        first_failed_at=at, last_failed_at=at,
    )  # fmt: skip
    return group.name


def detach(actor: Actor = ADA, **given: Any) -> object:
    wanted = {"expected": 3, "typed": GONE, "reason": "the app is gone"} | given
    return detach_group(
        actor, given.pop("name", GONE), **{k: v for k, v in wanted.items() if k != "name"}
    )


def on_bus(bus: Bus) -> set[str]:
    return {group.name for group in bus.transport.inspector.streams([STREAM])[STREAM].groups}


def test_a_group_nobody_declares_is_found_and_taken_away_and_its_letters_stay(
    bus: Bus, left: str
) -> None:
    assert leftovers.names(take()) == (GONE,)
    found = leftovers.load(GONE)
    assert found is not None
    assert (found.waiting, found.dead_letters, found.places[0].pending) == (3, 1, 1)
    published(bus, 1)  # what is said meanwhile is no reason to look again

    detach()

    assert GONE not in on_bus(bus)
    assert leftovers.names(take()) == ()
    assert DeadLetter.objects.filter(group_name=GONE).count() == 1
    entry = AuditEntry.objects.get(action="group.detach")
    assert (entry.details["waiting"], entry.details["shown"]) == (4, 3)
    with pytest.raises(Refused, match="there is nothing to detach"):
        detach()


@pytest.mark.parametrize(
    ("actor", "given", "told"),
    [
        (OLGA, {}, "needs the role admin"),
        (replace(ADA, stepped_up=False), {}, "Give your password again to detach leavers"),
        (ADA, {"typed": ""}, "Type the name of the group, leavers"),
        (ADA, {"reason": ""}, "needs a reason"),
        (ADA, {"expected": 4}, "4 entries of leavers were waiting, and 3 are now: somebody reads"),
        (ADA, {"name": "revenue_trackers"}, "is declared by an installed app"),
    ],
)
def test_detaching_is_for_admins_who_know_what_waits(
    bus: Bus, left: str, actor: Actor, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        detach(actor, **given)

    assert {GONE, "revenue_trackers"} <= on_bus(bus)
    assert not AuditEntry.objects.exists()


def test_a_group_that_some_worker_runs_is_not_detached(bus: Bus, left: str) -> None:
    worker = Heartbeat("worker", [GONE])
    worker.beat_if_due()

    with pytest.raises(Refused, match=f"leavers is run by {worker.name}"):
        detach()
