"""What really flows, beside what is declared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from events import Event, validation
from events.envelope import new_event_id, now
from events.groups import Group, groups
from events.models import SeenType, StoredEvent
from events.queries import observed as query
from events.queries.observed import RECORDER, Follower, Producer, observed, seen, unregistered
from events.registry import EventType, registry
from events.seen import note_seen
from events.transport.base import Append
from tests.bus_fixture import Bus
from tests.events.conftest import trade

TRADE = "Trading.TradeExecuted"
XP = "Gamification.XPGained"
EARLIER = now() - timedelta(minutes=5)


@pytest.fixture
def analytics(bus: Bus) -> list[Group]:
    return [group for group in groups() if group.kind == "A"]


def xp(cause: Event, after_s: float = 2.0) -> Event:
    """What follows from a trade, so long after it."""
    return Event.new(
        XP,
        {"user_id": 7, "xp": 1, "source": "trade", "reason": "Traded"},
        producer="gamification_xp_processors@1",
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        occurred_at=cause.occurred_at + timedelta(seconds=after_s),
    )


def by_name(found: tuple[Producer, ...]) -> dict[str, Producer]:
    return {producer.name: producer for producer in found}


def test_what_is_handled_counts_by_type_version_and_producer(
    bus: Bus, analytics: list[Group]
) -> None:
    paid = {"payment_id": "p-1", "user_id": 7, "amount": "1.00", "purpose": "purchase"}
    bus.publish(trade(producer="desk@1"), trade(producer="desk@1"), trade(producer="desk@2"))
    bus.publish(Event.new("Financial.PaymentCompleted.v1", paid, producer="app@1"))

    bus.drain(analytics)
    bus.publish(trade(producer="desk@1"))
    bus.drain(analytics)

    rows = SeenType.objects.order_by("event_type", "producer")
    assert list(rows.values_list("event_type", "event_version", "producer", "count")) == [
        ("Financial.PaymentCompleted", 1, "app@1", 1),
        (TRADE, 1, "desk@1", 3),
        (TRADE, 1, "desk@2", 1),
    ]
    assert (seen()[TRADE].count, seen()[TRADE].versions, seen()[TRADE].lively) == (4, (1,), True)


def test_a_type_that_was_not_seen_for_long_is_not_lively(db: None) -> None:
    note_seen([trade()])
    SeenType.objects.update(last_at=now() - query.LIVELY - timedelta(seconds=1))

    assert not seen()[TRADE].lively
    assert XP not in seen()


def test_what_follows_is_told_with_share_delay_and_who_declares_it(bus: Bus) -> None:
    first, second = trade(occurred_at=EARLIER), trade(occurred_at=EARLIER)
    undeclared = Event.new(
        "User.SessionStarted",
        {"user_id": 7, "session_id": "s", "device": "web"},
        correlation_id=first.correlation_id,
        causation_id=first.event_id,
        occurred_at=EARLIER + timedelta(seconds=1),
    )
    bus.publish(first, second, xp(first), xp(first, 4.0), xp(second, 6.0), undeclared)

    found = observed(TRADE)

    assert found.followers == (
        Follower(XP, 1.0, 4.0, ("gamification_xp_processors",)),
        Follower("User.SessionStarted", 0.5, 1.0, ()),
    )
    assert found.looked_at == 2
    expected = dict(found.expected)
    assert "revenue_trackers" in expected["Financial.RevenueRecorded"]
    assert XP not in expected


def test_what_has_just_happened_is_not_missed_yet(bus: Bus) -> None:
    bus.publish(trade())

    found = observed(TRADE)

    assert (found.sampled, found.looked_at, found.followers) == (1, 0, ())


def test_what_does_not_validate_any_more_is_told_by_producer_and_field(bus: Bus) -> None:
    good, bad = trade(producer="desk@1"), trade(producer="desk@2")
    bus.publish(good, bad)
    note_seen([good, bad])
    row = StoredEvent.objects.get(event_id=bad.event_id)
    row.body = row.body.replace('"STRK"', '"strk?"')
    row.save()

    producers = by_name(observed(TRADE).producers)

    assert (producers["desk@1"].share, producers["desk@1"].failing) == (1.0, ())
    assert producers["desk@2"].share == 0.0
    ((reason, count),) = producers["desk@2"].failing
    assert (reason.startswith("data.symbol: "), count) == (True, 1)


def test_why_something_does_not_validate_never_shows_what_is_personal(
    bus: Bus, analytics: list[Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    def telltale(entry: EventType, data: Any) -> Any:
        raise ValueError(f"cannot make anything of {data['email']}")

    sent = {"user_id": 7, "username": "mira", "email": "mira@example.org"}
    event = Event.new("User.UserRegistered", sent)
    bus.publish(event)
    note_seen([event])
    monkeypatch.setattr(registry, "is_newest", lambda entry: False)
    monkeypatch.setattr(validation, "brought_up", telltale)
    bus.drain([group for group in analytics if group.name == RECORDER])

    found = observed("User.UserRegistered")

    shown = f"{found.producers[0].failing} {found.refusals}"
    assert (found.producers[0].valid, found.refused) == (0, 1)
    assert shown.count("cannot make anything of •••• masked") == 2
    assert "mira@example.org" not in shown


def test_a_producer_that_is_not_in_the_sample_has_no_share(bus: Bus) -> None:
    note_seen([trade(producer="old@1")])

    (producer,) = observed(TRADE).producers

    assert (producer.count, producer.share) == (1, None)


def test_what_came_straight_to_the_bus_and_could_not_be_read_is_counted(
    bus: Bus, analytics: list[Group]
) -> None:
    event = trade()
    bodies: list[Any] = [
        event.to_json().replace(b'"STRK"', b"5"),
        event.to_json().replace(TRADE.encode(), b"Trading.Nobody"),
    ]
    for body in bodies:
        event_id = new_event_id()
        raw = body.replace(str(event.event_id).encode(), str(event_id).encode())
        bus.transport.streams.append([Append(event.get_stream_name(), event_id, raw)])

    bus.drain([group for group in analytics if group.name == RECORDER])

    found = observed(TRADE)
    assert found.refused == 1
    assert "data.symbol" in found.refusals[0][0]
    assert [name for name, _ in unregistered()] == ["Trading.Nobody"]


def test_a_type_that_was_seen_and_is_registered_no_more_is_named(db: None) -> None:
    note_seen([trade()])
    SeenType.objects.update(event_type="Trading.LongGone")

    assert [name for name, _ in unregistered()] == ["Trading.LongGone"]


def test_the_rate_is_that_of_the_sample(bus: Bus) -> None:
    bus.publish(trade(), trade(), trade())
    rows = list(StoredEvent.objects.order_by("seq"))
    for index, row in enumerate(rows):
        StoredEvent.objects.filter(pk=row.pk).update(stored_at=EARLIER + timedelta(seconds=index))

    found = observed(TRADE)

    assert (found.rate, found.since) == (1.0, EARLIER)
    assert observed(XP).rate is None


def test_of_many_unregistered_types_the_latest_are_told(db: None) -> None:
    at = now()
    for number in range(150):
        SeenType.objects.create(
            event_type=f"Old.T{number:03}",
            event_version=1,
            producer="p",
            count=1,
            first_at=at,
            last_at=at + timedelta(seconds=number),
        )

    assert [name for name, _ in unregistered(limit=2)] == ["Old.T149", "Old.T148"]
