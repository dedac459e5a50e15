"""Publishing a test event from the page of its type."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from events import Event
from events.models import AuditEntry
from events.queries import type_form
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade

PAGE = "/registry/Trading.TradeExecuted/publish/"
SENT = {"user_id": "7", "symbol": "STRK", "value": "12.50", "side": "sell", "currency": "USD"}


def test_it_is_published_marked_and_shown(bus: Bus, operator: Client) -> None:
    answer = operator.post(PAGE, SENT)

    (event,) = bus.events()
    assert answer["Location"] == f"/events/{event.event_id}/"
    assert event.data == {**SENT, "user_id": 7}
    assert (event.synthetic, event.producer.partition("@")[0]) == (True, "test")


def test_it_is_audited_with_who_and_which_event(bus: Bus, operator: Client) -> None:
    operator.post(PAGE, SENT)

    (entry,) = AuditEntry.objects.filter(action="events.publish-test")
    assert (entry.actor, entry.via) == ("olga", "console")
    assert entry.target == str(bus.events()[0].event_id)


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_published(
    bus: Bus, operator: Client
) -> None:
    answer = operator.post(PAGE, {**SENT, "value": "-1", "user_id": "seven"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="wrong_value"' in page
    assert 'id="wrong_user_id"' in page
    assert 'id="wrong_symbol"' not in page
    assert 'value="seven"' in page
    assert bus.events() == []
    assert not AuditEntry.objects.exists()


def test_a_field_says_what_it_means_and_what_bounds_it(bus: Bus, operator: Client) -> None:
    page = operator.get(PAGE).content.decode()

    assert "Quantity times price (more than 0)." in page
    assert "Which way the trader went (buy, sell; buy when absent)." in page


def test_an_empty_field_that_is_needed_is_named(bus: Bus, operator: Client) -> None:
    answer = operator.post(PAGE, {**SENT, "symbol": " "})

    assert 'id="wrong_symbol"' in answer.content.decode()


def test_lists_are_written_as_json(bus: Bus, operator: Client) -> None:
    page = "/registry/User.ProfileUpdated/publish/"

    refused = operator.post(page, {"user_id": "7", "changed": "level"})
    operator.post(page, {"user_id": "7", "changed": '["level"]', "level": "3"})

    assert "is no JSON" in refused.content.decode()
    assert bus.events()[0].data == {"user_id": 7, "changed": ["level"], "level": 3}


def test_the_form_starts_from_the_example_or_a_real_event_without_what_is_personal(
    bus: Bus, operator: Client
) -> None:
    sent = {"user_id": 71, "username": "mira", "email": "mira@example.org"}
    event = Event.new("User.UserRegistered", sent)
    bus.publish(event)
    page = "/registry/User.UserRegistered/publish/"

    example = operator.get(page).content.decode()
    real = operator.get(f"{page}?from={event.event_id}").content.decode()

    assert 'value="mira@example.com"' in example
    assert 'value="71"' in real
    assert "mira@example.org" not in real
    assert operator.get(f"{page}?from={trade().event_id}").status_code == 404


def test_an_older_version_can_be_said_too(bus: Bus, operator: Client) -> None:
    page = "/registry/Financial.PaymentCompleted.v1/publish/"
    sent = {"payment_id": "p-1", "user_id": "7", "amount": "5", "purpose": "purchase"}

    operator.post(page, sent)

    assert bus.events()[0].event_version == 1


def test_a_viewer_is_refused_with_the_reason_and_the_button_says_so(
    bus: Bus, viewer: Client
) -> None:
    for answer in (viewer.get(PAGE), viewer.post(PAGE, SENT)):
        assert answer.status_code == 403
        assert "role operator is needed to publish test events" in answer.content.decode()
    source = viewer.get("/registry/Trading.TradeExecuted/").content.decode()
    assert PAGE.replace("TradeExecuted", "TradeExecuted.v1") not in source
    assert "operator is needed to publish test events" in source
    assert bus.events() == []


def test_who_is_not_signed_in_is_sent_away_and_other_methods_are_refused(
    client: Client, operator: Client, bus: Bus
) -> None:
    assert client.get(PAGE)["Location"].startswith("/login/")
    assert operator.put(PAGE).status_code == 405
    assert operator.get("/registry/No.Such/publish/").status_code == 404


def test_a_form_of_another_site_is_refused(bus: Bus, operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert strict.post(PAGE, SENT).status_code == 403
    assert bus.events() == []


@pytest.mark.parametrize("entry", registry.all(), ids=lambda entry: entry.label)
def test_the_form_of_every_type_sends_its_example_back(entry: Any) -> None:
    form = type_form.inputs(entry, entry.example)

    data, wrong = type_form.payload(entry, {one.name: one.value for one in form})

    assert wrong == {}
    label = entry.label
    assert Event.new(label, data).data == Event.new(label, entry.example).data
    assert all(one.hint for one in form)
