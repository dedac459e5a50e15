"""Lists of stored events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import Event
from events.models import StoredEvent
from events.queries import events as query
from events.queries.events import EventFilter, EventPage
from tests.bus_fixture import Bus
from tests.events.conftest import trade


def like(user_id: int) -> Event:
    return Event.new("Social.SocialInteraction", {"user_id": user_id, "kind": "like"})


def order(order_id: str) -> Event:
    data = {"order_id": order_id, "user_id": 1, "symbol": "S", "side": "buy", "quantity": "1"}
    return Event.new("Trading.Order.Cancelled", data)


def seqs(page: EventPage) -> list[int]:
    return [record.seq for record in page.rows]


def types(page: EventPage) -> set[str]:
    return {record.event.event_type for record in page.rows}


def test_the_newest_come_first(bus: Bus) -> None:
    bus.publish(trade(), like(1), trade())

    page = query.page(EventFilter())

    assert seqs(page) == sorted(seqs(page), reverse=True)
    assert len(page.rows) == 3
    assert (page.older_than, page.newer_than) == (None, None)


def test_pages_lead_to_each_other_and_leave_nothing_out(bus: Bus) -> None:
    bus.publish(*(trade() for _ in range(7)))

    first = query.page(EventFilter(), size=3)
    second = query.page(EventFilter(), older_than=first.older_than, size=3)
    third = query.page(EventFilter(), older_than=second.older_than, size=3)
    back = query.page(EventFilter(), newer_than=third.newer_than, size=3)

    assert len({*seqs(first), *seqs(second), *seqs(third)}) == 7
    assert third.older_than is None
    assert seqs(back) == seqs(second)


def test_a_type_may_be_asked_for_by_its_alias(bus: Bus) -> None:
    bus.publish(trade(), like(1))

    page = query.page(EventFilter(event_type="Trading.Trade.Executed"))

    assert types(page) == {"Trading.TradeExecuted"}


def test_a_domain_lists_all_its_types_in_order(bus: Bus) -> None:
    bus.publish(trade(), like(1), trade())
    bus.drain()

    page = query.page(EventFilter(domain="gamification"))

    assert {record.event.domain for record in page.rows} == {"gamification"}
    assert len(types(page)) > 1
    assert seqs(page) == sorted(seqs(page), reverse=True)


def test_an_entity_is_found_in_every_domain(bus: Bus) -> None:
    bus.publish(trade(user_id=5), like(5), like(6))

    page = query.page(EventFilter(entity_id="5"))

    assert types(page) == {"Trading.TradeExecuted", "Social.SocialInteraction"}


def test_what_an_entity_is_tells_it_from_others_of_the_same_id(bus: Bus) -> None:
    bus.publish(trade(user_id=5), like(5), order("5"))

    page = query.page(EventFilter(entity_id="5", entity_label="order"))

    assert types(page) == {"Trading.Order.Cancelled"}
    assert query.split_entity("order:5") == ("order", "5")
    assert query.split_entity("a:5") == ("", "a:5")


def test_an_entity_and_a_type_together_narrow_further(bus: Bus) -> None:
    bus.publish(trade(user_id=5), like(5), trade(user_id=6))

    page = query.page(EventFilter(entity_id="5", event_type="Trading.TradeExecuted"))

    assert [record.event.entity_id for record in page.rows] == ["5"]
    assert types(page) == {"Trading.TradeExecuted"}


def test_a_time_window_takes_its_beginning_and_leaves_its_end(bus: Bus) -> None:
    bus.publish(trade(), trade(), trade())
    middle = StoredEvent.objects.order_by("seq")[1]
    for offset, row in enumerate(StoredEvent.objects.order_by("seq")):
        at = middle.stored_at + timedelta(seconds=offset)
        StoredEvent.objects.filter(pk=row.pk).update(stored_at=at)
    times = list(StoredEvent.objects.order_by("seq").values_list("stored_at", flat=True))

    page = query.page(EventFilter(since=times[1], until=times[2]))

    assert seqs(page) == [middle.seq]


def test_a_window_in_which_nothing_was_stored_is_empty(bus: Bus) -> None:
    bus.publish(trade())
    first = StoredEvent.objects.get()

    assert query.page(EventFilter(until=first.stored_at)).rows == ()
    assert query.page(EventFilter(since=first.stored_at + timedelta(days=1))).rows == ()


def test_an_unknown_type_matches_nothing(bus: Bus) -> None:
    bus.publish(trade())

    assert query.page(EventFilter(event_type="No.SuchType")).rows == ()


@pytest.mark.django_db
def test_an_empty_store_has_an_empty_page() -> None:
    assert query.page(EventFilter()) == EventPage(())
    assert query.any_stored() is False
