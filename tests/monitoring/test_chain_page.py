"""The page of a chain."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client

from events import Event, Reject
from events.groups import groups
from events.queries import chain as query
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import fragment, read


def test_a_handled_trade_is_shown_as_a_complete_tree(bus: Bus, viewer: Client) -> None:
    event = trade("1500.00")
    bus.publish(event)
    bus.drain()

    page = read(viewer, f"/chains/{event.correlation_id}/")

    assert "Trade by user 123" in page
    assert "complete" in page
    for said in ("+15 XP", "trade share", "influence 5", "1.50 USD"):
        assert said in page
    assert f"manage.py chain {event.correlation_id}" in page


def test_a_complete_chain_does_not_ask_again_and_an_incomplete_one_does(
    bus: Bus, viewer: Client
) -> None:
    event = trade()
    bus.publish(event)
    path = f"/chains/{event.correlation_id}/"

    assert 'hx-trigger="every 1s"' in viewer.get(path).content.decode()
    bus.drain()
    assert "hx-trigger" not in viewer.get(path).content.decode()


def test_an_open_page_gets_nothing_while_nothing_changed_and_the_fragment_once_it_did(
    bus: Bus, viewer: Client
) -> None:
    event = trade()
    bus.publish(event)
    seen = query.load(event.correlation_id)
    assert seen is not None
    path = f"/chains/{event.correlation_id}/?seen={seen.fingerprint}"

    assert fragment(viewer, path, "chain", status=204) == ""
    bus.drain()
    source = fragment(viewer, path, "chain")
    assert source.startswith('<div id="chain"')
    assert "complete" in source


def test_what_failed_leads_to_its_dead_letter(bus: Bus, viewer: Client, broken: Break) -> None:
    broken("influence_calculators", Reject("no"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    source = viewer.get(f"/chains/{event.correlation_id}/").content.decode()

    assert f'href="/dead-letters/{bus.dead_letters()[0].pk}/"' in source
    assert "1 of" in source
    assert 'class="failing"' in source


def test_many_siblings_unfold_on_request(bus: Bus, viewer: Client) -> None:
    event = trade("1.00")
    likes = [
        event.caused("Social.SocialInteraction", {"user_id": 9, "kind": "like"}) for _ in range(9)
    ]
    bus.publish(event, *likes)
    path = f"/chains/{event.correlation_id}/"

    folded = read(viewer, path)
    unfolded = read(viewer, f"{path}?unfold=fold-{likes[0].event_id}")

    assert "\u00d7 9" in folded
    assert "unfold" in folded
    assert "\u00d7 9" not in unfolded
    assert unfolded.count("SocialInteraction") == 9


def test_the_json_tab_and_the_download_have_the_whole_chain(bus: Bus, viewer: Client) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()

    tab = read(viewer, f"/chains/{event.correlation_id}/?tab=json")
    download = viewer.get(f"/chains/{event.correlation_id}.json")

    assert '"correlation_id"' in tab
    assert json.loads(download.content)["title"] == "Trade by user 123"
    assert "attachment" in download["Content-Disposition"]


def test_personal_fields_are_on_neither_page_nor_download(bus: Bus, viewer: Client) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    bus.publish(event)
    bus.drain()

    for path in (f"/chains/{event.event_id}/", f"/chains/{event.event_id}/?tab=json"):
        assert b"ada@example.org" not in viewer.get(path).content
    assert b"ada@example.org" not in viewer.get(f"/chains/{event.event_id}.json").content


def test_hostile_text_in_a_payload_is_only_text(bus: Bus, viewer: Client) -> None:
    event = trade(causation_id=None)
    hostile = event.caused(
        "NFT.NFTMinted",
        {"token_id": "<script>alert(1)</script>", "user_id": 1, "collection": "c", "name": "<b>x"},
    )
    bus.publish(event, hostile)

    source = viewer.get(f"/chains/{event.event_id}/").content.decode()

    assert "<script>alert" not in source
    assert "<b>x" not in source


def test_an_unknown_id_is_a_page_that_helps(viewer: Client) -> None:
    unknown = uuid4()

    page = read(viewer, f"/chains/{unknown}/", status=404)

    assert f"Nothing here has the id {unknown}" in page
    assert "Search for it as anything else" in page


@pytest.mark.parametrize("wrong", ["?tab=picture", "?tab="])
def test_a_wrong_parameter_is_refused_and_an_empty_one_ignored(
    bus: Bus, viewer: Client, wrong: str
) -> None:
    event = trade()
    bus.publish(event)

    answer = viewer.get(f"/chains/{event.event_id}/{wrong}")

    assert answer.status_code == (400 if wrong == "?tab=picture" else 200)


def test_without_the_bus_the_chain_is_shown_and_says_what_is_not_known(
    bus: Bus, viewer: Client
) -> None:
    event = trade()
    bus.publish(event)
    with no_bus(bus):
        page = read(viewer, f"/chains/{event.event_id}/")

    assert "TradeExecuted" in page
    assert "The bus cannot be asked" in page


def test_somebody_who_is_not_signed_in_is_sent_to_sign_in(bus: Bus) -> None:
    answer = Client().get(f"/chains/{uuid4()}/")

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")
