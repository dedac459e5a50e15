"""One entity: its history and its state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from events import Event, sourcing
from events.envelope import now
from events.queries import entity as query
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.monitoring.pages import read

BEGAN = now() - timedelta(hours=3)


def position(action: str, hours: int = 0, **more: str) -> Event:
    data = {
        "position_id": "p-1",
        "user_id": 7,
        "symbol": "STRK",
        "side": "long",
        "quantity": "10",
        "price": "2.00",
        **more,
    }
    at = BEGAN + timedelta(hours=hours)
    return Event.new(f"Trading.Position.{action}", data, occurred_at=at)


def test_history_and_state_are_shown_with_the_line_that_tells_the_same(
    bus: Bus, viewer: Client
) -> None:
    bus.publish(position("Opened"), position("Closed", 2, pnl="5.00"))

    page = read(viewer, "/entities/trading/p-1/")

    assert "position p-1" in page
    assert page.index("Position.Closed") < page.index("Position.Opened")
    assert "state closed" in page
    assert "Rebuilt from 2 events" in page
    assert "manage.py entity trading p-1" in page


def test_as_of_an_instant_the_state_is_that_of_then_and_the_history_whole(
    bus: Bus, viewer: Client
) -> None:
    bus.publish(position("Opened"), position("Closed", 2, pnl="5.00"))
    at = (BEGAN + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")

    page = read(viewer, f"/entities/trading/p-1/?at={at}")

    assert "state open" in page
    assert "Position.Closed" in page
    assert "Nothing had happened to it by then" in read(
        viewer, "/entities/trading/p-1/?at=2020-01-01T00:00"
    )
    assert viewer.get("/entities/trading/p-1/?at=noon").status_code == 400


def test_other_domains_that_know_the_id_are_one_click_away(bus: Bus, viewer: Client) -> None:
    bus.publish(trade(user_id=7), Event.new("User.UserRegistered", REGISTERED))

    source = viewer.get("/entities/trading/7/").content.decode()

    assert 'href="/entities/user/7/"' in source
    assert 'href="/entities/nft/7/"' not in source


REGISTERED = {"user_id": 7, "username": "mira", "email": "mira@example.com"}


def test_what_has_no_fold_is_named_and_personal_fields_stay_hidden(
    bus: Bus, viewer: Client
) -> None:
    bus.publish(Event.new("User.UserRegistered", REGISTERED))

    page = read(viewer, "/entities/user/7/")

    assert "No event about it has a fold" in page
    assert "UserRegistered ." in page.partition("Not part of it: 1")[2]
    assert "mira@example.com" not in viewer.get("/entities/user/7/").content.decode()


def test_too_many_events_for_a_page_are_not_folded(bus: Bus, viewer: Client) -> None:
    bus.publish(*(trade(user_id=7) for _ in range(query.MOST_FOLDED + 1)))

    page = read(viewer, "/entities/trading/7/")

    assert "Too many events for a page" in page
    assert "Rebuilt from" not in page
    assert "Older" in page


def test_an_id_with_a_slash_has_its_page_and_an_unknown_one_says_so(
    bus: Bus, viewer: Client
) -> None:
    bus.publish(position("Opened", position_id="desk/7"))

    assert "desk/7" in read(viewer, "/entities/trading/desk/7/")
    assert "There is no such entity" in read(viewer, "/entities/trading/404/", status=404)


def test_events_and_search_lead_to_it(bus: Bus, viewer: Client) -> None:
    event = position("Opened")
    bus.publish(event)

    assert viewer.get("/search/?q=position:p-1")["Location"] == "/entities/trading/p-1/"
    for path in ("/events/", f"/events/{event.event_id}/"):
        assert 'href="/entities/trading/p-1/"' in viewer.get(path).content.decode()


def test_somebody_without_a_session_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/entities/trading/7/")["Location"].startswith("/login/")


def test_a_fold_that_fails_is_told_beside_the_history(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(state: dict[str, object], event: Event, payload: object) -> dict[str, object]:
        raise KeyError("wieght")

    bus.publish(position("Opened"))
    monkeypatch.setitem(sourcing._folds, "Trading.Position.Opened", broken)

    page = read(viewer, "/entities/trading/p-1/")

    assert "Position.Opened" in page
    assert "a fold failed" in page
    assert "broken failed at Trading.Position.Opened.v1" in page
    assert "KeyError" in page


def test_what_a_fold_says_of_a_person_is_masked(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(state: dict[str, object], event: Event, payload: object) -> dict[str, object]:
        raise ValueError(f"bad address {event.data['email']}")

    name = "User.UserRegistered"
    event = Event.new(name, {**registry.resolve(name).example, "email": "ada@example.com"})
    bus.publish(event)
    monkeypatch.setitem(sourcing._folds, name, told)

    page = read(viewer, f"/entities/user/{event.entity_id}/")

    assert "bad address" in page
    assert "ada@example.com" not in page
