"""What is noted of the types that really flow."""

from __future__ import annotations

import pytest

from events import Event
from events.groups import group
from events.models import SeenType
from events.seen import note_seen
from events.validation import understood
from tests.bus_fixture import Bus
from tests.events.conftest import trade

PAID = "Financial.PaymentCompleted"
FIRST = {"payment_id": "p-1", "user_id": 7, "amount": "29.00", "purpose": "purchase"}


def noted() -> list[tuple[str, int, str, int]]:
    rows = SeenType.objects.order_by("event_type", "event_version", "producer")
    return list(rows.values_list("event_type", "event_version", "producer", "count"))


@pytest.mark.django_db
def test_an_event_that_was_brought_up_is_noted_in_the_version_it_was_said_in() -> None:
    brought, _ = understood(Event.new(f"{PAID}.v1", FIRST, producer="till@1"))
    newest = Event.new(PAID, {**FIRST, "method": "card"}, producer="till@2")

    note_seen([brought, newest, brought])

    assert brought.event_version == 2
    assert noted() == [(PAID, 1, "till@1", 2), (PAID, 2, "till@2", 1)]


def test_so_it_is_when_it_comes_over_the_bus(bus: Bus) -> None:
    bus.publish(Event.new(f"{PAID}.v1", FIRST, producer="till@1"))

    bus.drain([group("audit_trail_recorders")])

    assert noted() == [(PAID, 1, "till@1", 1)]


@pytest.mark.django_db
def test_what_is_noted_again_is_added_and_its_last_time_moves() -> None:
    note_seen([trade(producer="desk@1")])
    first = SeenType.objects.get()
    note_seen([trade(producer="desk@1"), trade(producer="desk@1"), trade(producer="desk@2")])

    assert [count for *_, count in noted()] == [3, 1]
    again = SeenType.objects.get(producer="desk@1")
    assert again.first_at == first.first_at
    assert again.last_at > first.last_at
