"""Stored events that go to one group again: what is left out, what is forgotten, what is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest

from events import Context, Event, Reject
from events.envelope import now
from events.groups import Group
from events.models import HandledEvent, Operation, OperationItem, StoredEvent
from events.operations import advance_operations, redeliver_waiting, running
from events.operations.modes import CATCH_UP, HANDLE_AGAIN
from events.operations.sets import HISTORY
from tests.bus_fixture import Bus
from tests.events.conftest import trade

GROUP = "testers"


class Counting:
    """A handler that counts what it is given, and rejects what it is told to."""

    def __init__(self) -> None:
        self.seen: Counter[UUID] = Counter()
        self.rejects: set[UUID] = set()

    def handle(self, event: Event, context: Context) -> None:
        self.seen[event.event_id] += 1
        if event.event_id in self.rejects:
            raise Reject("no")


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def group(counting: Counting, group_of: Callable[..., Group]) -> Group:
    return group_of(counting.handle, repeatable=True)


def history(mode: str, *events: Event, **given: object) -> Operation:
    """An operation under way over stored events, as whoever proposes one leaves it."""
    at = now()
    operation = Operation.objects.create(
        kind=HISTORY,
        group_name=GROUP,
        state=Operation.State.RUNNING,
        details={"mode": mode},
        total=len(events),
        created_at=at,
        started_at=at,
        **given,
    )
    OperationItem.objects.bulk_create(
        OperationItem(operation=operation, event_id=event.event_id, stream=event.get_stream_name())
        for event in events
    )
    return operation


def run(bus: Bus, group: Group, operation: Operation, steps: int = 8) -> dict[str, int]:
    """Let it run; how many items are in which state."""
    for _ in range(steps):
        advance_operations()
        redeliver_waiting()
        bus.drain([group])
    return Counter(operation.items.values_list("state", flat=True))


def told(operation: Operation, state: str) -> set[str]:
    return set(operation.items.filter(state=state).values_list("told", flat=True))


def test_catching_up_sends_what_the_inbox_does_not_know_and_counts_the_rest(
    bus: Bus, group: Group, counting: Counting
) -> None:
    events = [trade() for _ in range(5)]
    bus.publish(*events)
    bus.drain([group])
    missed = [event.event_id for event in events[3:]]
    HandledEvent.objects.filter(event_id__in=missed).delete()
    operation = history(CATCH_UP, *events, ramp=True)

    assert run(bus, group, operation) == {"skipped": 3, "handled": 2}

    assert told(operation, "skipped") == {"already handled"}
    assert [counting.seen[event.event_id] for event in events] == [1, 1, 1, 2, 2]
    operation.refresh_from_db()
    assert operation.state == "done"


def test_handling_again_forgets_the_marks_of_what_is_sent_and_of_nothing_else(
    bus: Bus, group: Group, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_IN_FLIGHT", 2)
    events = [trade() for _ in range(5)]
    bus.publish(*events)
    bus.drain([group])
    counting.rejects = {events[2].event_id}
    operation = history(HANDLE_AGAIN, *events[:4])

    advance_operations()

    assert HandledEvent.objects.filter(group__name=GROUP).count() == 3
    assert run(bus, group, operation) == {"handled": 3, "failed": 1}
    assert told(operation, "failed") == {"Reject"}
    assert [counting.seen[events[number].event_id] for number in (0, 1, 4)] == [2, 2, 1]
    assert bus.drain([group]) == 0


def test_what_the_group_has_handled_between_the_look_and_the_sending_is_handled(
    bus: Bus, group: Group, counting: Counting
) -> None:
    """Its mark may say a time before that of the sending."""
    event = trade()
    bus.publish(event)
    operation = history(CATCH_UP, event)
    advance_operations()
    bus.drain([group])
    HandledEvent.objects.update(handled_at=operation.created_at)

    assert run(bus, group, operation) == {"handled": 1}
    assert counting.seen[event.event_id] == 1


def test_what_is_not_stored_any_more_is_skipped(bus: Bus, group: Group) -> None:
    event = trade()
    bus.publish(event)
    bus.drain([group])
    StoredEvent.objects.all().delete()
    operation = history(HANDLE_AGAIN, event)

    assert run(bus, group, operation) == {"skipped": 1}
    assert told(operation, "skipped") == {"it is not stored any more"}


def test_a_group_without_an_inbox_is_sent_nothing(
    bus: Bus, group_of: Callable[..., Group], counting: Counting
) -> None:
    group = group_of(counting.handle, idempotent=True)
    event = trade()
    bus.publish(event)
    bus.drain([group])
    operation = history(CATCH_UP, event)

    assert run(bus, group, operation) == {"skipped": 1}
    assert "keeps no inbox" in told(operation, "skipped").pop()
    assert counting.seen[event.event_id] == 1
