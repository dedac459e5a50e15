"""The state of an entity, rebuilt from its events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import Event, folds, rebuild, sourcing
from events.apps import check_declarations
from events.envelope import now
from events.errors import ConfigurationError
from events.models import StoredEvent
from events.store import remember
from tests.bus_fixture import Bus
from tests.events.conftest import trade

POSITION = {
    "position_id": "p-1",
    "user_id": 7,
    "symbol": "STRK",
    "side": "long",
    "quantity": "10",
    "price": "2.00",
}
BEGAN = now() - timedelta(hours=3)


def position(action: str, hours: int = 0, **more: Any) -> Event:
    at = BEGAN + timedelta(hours=hours)
    return Event.new(f"Trading.Position.{action}", {**POSITION, **more}, occurred_at=at)


def test_a_position_is_what_its_events_come_to(bus: Bus) -> None:
    bus.publish(position("Opened"), position("Modified", 1, quantity="20"))
    bus.publish(position("Opened", position_id="p-2"))

    found = rebuild("trading", "p-1")

    assert found.states.keys() == {"position"}
    assert (found.state["quantity"], found.state["state"]) == (Decimal(20), "open")
    assert (found.folded, found.first_at) == (2, BEGAN)
    assert found.passed_over == {}


def test_at_an_instant_it_is_as_it_was_then(bus: Bus) -> None:
    bus.publish(position("Opened"), position("Closed", 2, pnl="5.00"))

    then = rebuild("trading", "p-1", BEGAN + timedelta(hours=1))
    at_the_end = rebuild("trading", "p-1")

    assert (then.state["state"], then.folded) == ("open", 1)
    assert (at_the_end.state["state"], at_the_end.state["pnl"]) == ("closed", Decimal(5))
    assert rebuild("trading", "p-1", BEGAN - timedelta(seconds=1)).state == {}


def test_events_are_folded_in_the_order_in_which_they_occurred(bus: Bus) -> None:
    bus.publish(position("Modified", 1, quantity="20"))
    bus.publish(position("Opened"))

    assert rebuild("trading", "p-1").state["quantity"] == Decimal(20)


def test_one_id_may_be_that_of_several_things(bus: Bus) -> None:
    bus.publish(position("Opened", position_id="7"), trade("100.00", user_id=7))

    found = rebuild("trading", "7")

    assert found.states.keys() == {"position", "user"}
    assert found.states["user"] == {"trades": 1, "volume": {"STRK USD": Decimal(100)}}


def test_an_older_version_is_folded_in_the_newest(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourcing, "_folds", {})
    folds("Financial.PaymentCompleted")(lambda state, event, paid: {"method": paid.method})
    paid = {"payment_id": "pay-1", "user_id": 7, "amount": "1.00", "purpose": "purchase"}

    bus.publish(Event.new("Financial.PaymentCompleted.v1", paid))

    assert rebuild("financial", "pay-1").state == {"method": "unknown"}


def test_what_has_no_fold_or_is_not_valid_is_counted_and_passed_over(bus: Bus) -> None:
    good, bad, other = position("Opened"), position("Modified", 1), position("Closed", 2, pnl="1")
    bus.publish(good)
    remember([bad, other])
    broken = StoredEvent.objects.get(event_id=bad.event_id)
    broken.body = broken.body.replace('"long"', '"sideways"')
    broken.save()
    StoredEvent.objects.filter(event_id=other.event_id).update(
        body=other.to_json().decode().replace("Trading.Position.Closed", "Trading.Position.Sold")
    )

    found = rebuild("trading", "p-1")

    assert (found.folded, found.state["state"]) == (1, "open")
    assert found.passed_over == {"Trading.Position.Modified": 1, "Trading.Position.Sold": 1}


def test_more_events_than_are_to_be_read_are_said_to_be_cut(bus: Bus) -> None:
    bus.publish(*(position("Modified", hour, quantity=str(hour + 1)) for hour in range(3)))

    found = rebuild("trading", "p-1", most=2)

    assert (found.cut, found.folded, found.state["quantity"]) == (True, 2, Decimal(2))


def test_nothing_is_known_of_what_nobody_said_anything_about(db: None) -> None:
    found = rebuild("trading", "nobody")

    assert (found.state, found.folded, found.first_at) == ({}, 0, None)


def test_a_type_has_one_fold() -> None:
    with pytest.raises(ConfigurationError, match=r"Trading.TradeExecuted has two folds"):
        folds("Trading.TradeExecuted")(lambda state, event, payload: state)


@pytest.fixture
def fold_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declare a fold for this test alone."""
    monkeypatch.setattr(sourcing, "_folds", dict(sourcing._folds))

    def declare(name: str, function: Any) -> None:
        sourcing._folds[name] = function

    return declare


def broken(state: dict[str, Any], event: Event, payload: Any) -> dict[str, Any]:
    raise KeyError("wieght")


def test_a_fold_that_fails_is_named_with_its_event(bus: Bus, fold_of: Callable[..., None]) -> None:
    event = position("Opened")
    bus.publish(event)
    fold_of("Trading.Position.Opened", broken)

    with pytest.raises(sourcing.FoldFailed, match=f"broken failed at .*{event.event_id}"):
        rebuild("trading", "p-1")


def test_a_fold_that_makes_a_model_refuse_is_told_as_our_own_list(
    bus: Bus, fold_of: Callable[..., None]
) -> None:
    def refusing(state: dict[str, Any], event: Event, payload: Any) -> dict[str, Any]:
        return type(payload).model_validate({**payload.model_dump(), "side": 7}).model_dump()

    event = position("Opened")
    bus.publish(event)
    fold_of("Trading.Position.Opened", refusing)

    with pytest.raises(sourcing.FoldFailed, match=r": ValidationError: \w+: side: Input [^\n]*$"):
        sourcing.rebuild("trading", event.entity_id)


def test_a_fold_of_an_unknown_type_is_told_by_check(fold_of: Callable[..., None]) -> None:
    assert check_declarations(None) == []
    fold_of("Parcel.Snt", broken)

    (error,) = check_declarations(None)

    assert "@folds('Parcel.Snt') names no registered event type" in error.msg


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        rebuild("trading", "p-1", datetime(2026, 1, 1))  # noqa: DTZ001
