"""The list of events, and one event."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client

from events import Event, Reject, adapt
from events.groups import groups
from events.queries import events as query
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import fragment, read


def test_an_empty_store_says_how_to_get_events(viewer: Client) -> None:
    page = read(viewer, "/events/")

    assert "No events yet" in page
    assert "manage.py simulate" in page


def test_a_filter_that_matches_nothing_offers_to_clear_it(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())

    assert "Clear the filter" in read(viewer, "/events/?entity=user:404")


def test_a_type_nobody_registered_is_named_as_such(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())

    assert "No type is called No.SuchType" in read(viewer, "/events/?type=No.SuchType")


def test_a_short_type_name_lists_its_events(bus: Bus, viewer: Client) -> None:
    event = trade()
    bus.publish(event)

    page = read(viewer, "/events/?type=TradeExecuted")

    assert "No type is called" not in page
    assert (
        f"/events/{event.event_id}/" in viewer.get("/events/?type=TradeExecuted").content.decode()
    )


def test_the_filter_is_in_the_address_and_stays_in_the_form(bus: Bus, viewer: Client) -> None:
    bus.publish(trade(user_id=5), trade(user_id=6))

    answer = viewer.get("/events/?entity=user:5&domain=trading")

    source = answer.content.decode()
    assert 'value="user:5"' in source
    assert "<option selected>trading</option>" in source
    assert "user:6" not in source


def test_older_and_newer_keep_the_filter(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query.page, "__defaults__", (None, None, 2))
    bus.publish(*(trade(user_id=5) for _ in range(5)))

    source = viewer.get("/events/?entity=user:5").content.decode()

    older = source.partition('<a class="btn" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert older.startswith("?entity=user%3A5&before=")
    assert "Newer" in read(viewer, f"/events/{older}")


def test_htmx_gets_the_list_alone(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())

    assert fragment(viewer, "/events/", "events").startswith('<section class="panel" id="events">')


@pytest.mark.parametrize("wrong", ["since=yesterday", "before=x", "entity=" + "x" * 201])
def test_a_wrong_parameter_is_refused(viewer: Client, wrong: str) -> None:
    assert viewer.get(f"/events/?{wrong}").status_code == 400


def test_a_time_without_a_zone_is_utc(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())

    assert "No event matches" in read(viewer, "/events/?until=2020-01-01T00:00")
    assert "TradeExecuted" in read(viewer, "/events/?since=2020-01-01T00:00")


def test_an_event_that_is_not_on_the_bus_says_so(bus: Bus, viewer: Client) -> None:
    event = trade()
    with no_bus(bus):
        bus.publish(event)
        listed, page = read(viewer, "/events/"), read(viewer, f"/events/{event.event_id}/")

    assert "waits for the bus" in listed
    assert "waits in SQL" in page


def test_what_another_system_said_beside_is_not_on_the_page(bus: Bus, viewer: Client) -> None:
    example = dict(registry.resolve("Challenge.Started").example)
    raw = {"event_type": "Challenge.Started.v1", "payload": example, "session": "s3cr3t"}
    event = adapt(raw)
    bus.publish(event)

    page = read(viewer, f"/events/{event.event_id}/")

    assert "undeclared" in page
    assert "s3cr3t" not in page


def test_one_event_shows_envelope_payload_groups_and_place(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    broken("revenue_trackers", Reject("the ledger is closed"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    page = read(viewer, f"/events/{event.event_id}/")

    for shown in ("the ledger is closed", '"value": "1500.00"', "XPGained", "trading_internal"):
        assert shown in page
    assert "the chain begins here" in page
    assert str(event.correlation_id) in page


def test_personal_fields_are_masked_and_it_is_said(bus: Bus, viewer: Client) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    bus.publish(event)

    page = read(viewer, f"/events/{event.event_id}/")
    download = viewer.get(f"/events/{event.event_id}.json")

    assert "1 field masked" in page
    assert "ada@example.org" not in page
    assert json.loads(download.content)["data"]["email"] == "•••• masked"


def test_beside_the_tail_the_event_is_a_part_alone(bus: Bus, viewer: Client) -> None:
    event = trade()
    bus.publish(event)

    source = fragment(viewer, f"/events/{event.event_id}/", "side")

    assert source.startswith('<div class="side-event"')
    assert f"/chains/{event.correlation_id}/" in source


def test_beside_the_tail_an_event_that_is_not_stored_is_explained(viewer: Client) -> None:
    assert "Not in the store" in fragment(viewer, f"/events/{uuid4()}/", "side")


def test_a_large_payload_shows_its_head_and_a_download(bus: Bus, viewer: Client) -> None:
    badges = ["b" * 100 for _ in range(800)]
    event = Event.new(
        "User.ProfileUpdated", {"user_id": 7, "changed": ["badges"], "badges": badges}
    )
    bus.publish(event)

    page = read(viewer, f"/events/{event.event_id}/")

    assert "more are in the download" in page


def test_an_unknown_id_is_a_page_that_helps(viewer: Client) -> None:
    assert "There is no such event" in read(viewer, f"/events/{uuid4()}/", status=404)
    assert viewer.get(f"/events/{uuid4()}.json").status_code == 404
