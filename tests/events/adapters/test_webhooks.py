"""Webhooks of others, mapped by configuration."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import Field, create_model
from pytest_django import Settings

from events import Event, InvalidEvent, Payload, adapt, event_type
from events.adapters import adapters
from events.errors import ConfigurationError
from events.registry import registry

CHARGE: dict[str, Any] = {
    "type": "Financial.PaymentCompleted",
    "when": {"type": "charge.succeeded", "livemode": True},
    "id": "id",
    "time": "created",
    "data": {
        "payment_id": "data.object.id",
        "user_id": "data.object.owners.0",
        "amount": "data.object.amount",
        "purpose": "=purchase",
        "method": "=card",
        "plan": "data.object.plan",
    },
}
BODY: dict[str, Any] = {
    "id": "evt_1",
    "type": "charge.succeeded",
    "livemode": True,
    "created": 1_768_480_215,
    "data": {"object": {"id": "ch_1", "owners": [7, 8], "amount": "29.00"}},
}


@pytest.fixture
def charges(settings: Settings) -> None:
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": CHARGE}}


@pytest.mark.usefixtures("charges")
def test_a_body_becomes_the_event_its_mapping_says() -> None:
    event = adapt(BODY)

    assert event.data == {
        "payment_id": "ch_1",
        "user_id": 7,
        "amount": "29.00",
        "currency": "USD",
        "purpose": "purchase",
        "method": "card",
    }
    assert (event.producer, event.entity_id) == ("pay", "ch_1")
    assert event.occurred_at.isoformat() == "2026-01-15T12:30:15+00:00"
    assert adapt(BODY).event_id == event.event_id
    assert adapt({**BODY, "id": "evt_2"}).event_id != event.event_id


@pytest.mark.usefixtures("charges")
def test_a_path_goes_on_into_json_text() -> None:
    inner = {"object": {**BODY["data"]["object"], "owners": "[7, 8]"}}
    told = adapt({**BODY, "data": json.dumps(inner)})

    assert told.data == adapt(BODY).data
    assert told.event_id == adapt(BODY).event_id


@pytest.mark.usefixtures("charges")
@pytest.mark.parametrize("text", ["{", '{"object": 1, "object": 2}', "text", '"object"', ""])
def test_text_that_is_no_json_holds_nothing(text: str) -> None:
    with pytest.raises(InvalidEvent, match=r"data\.object\.id: is missing in the body"):
        adapt({**BODY, "data": text})


def test_what_tells_a_webhook_may_stand_in_json_text(settings: Settings) -> None:
    mapping = {**CHARGE, "when": {"data.object.kind": "charge"}}
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": mapping}}
    inner = {"object": {**BODY["data"]["object"], "kind": "charge"}}

    assert adapt({**BODY, "data": json.dumps(inner)}).producer == "pay"
    with pytest.raises(InvalidEvent, match="not webhook pay: data.object.kind is not what"):
        adapt({**BODY, "data": "{"})


@pytest.mark.usefixtures("charges")
def test_the_example_it_writes_is_read_as_the_same_event() -> None:
    event = adapt({**BODY, "id": "01a1fc6f-fe6e-7234-bda3-6a9299b7972a"})

    written = adapters().named("webhook pay").write(event)

    written["data"]["object"]["owners"] = [written["data"]["object"]["owners"]["0"]]
    assert adapt(written) == event.__class__.new(
        event.event_type,
        event.data,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        producer="pay",
    )


def test_a_field_that_is_missing_and_need_not_be_there_has_its_default(settings: Settings) -> None:
    mapping = {**CHARGE, "data": {**CHARGE["data"], "currency": "data.object.currency"}}
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": mapping}}
    inner = {"object": {**BODY["data"]["object"], "currency": "EUR"}}

    assert adapt(BODY).data["currency"] == "USD"
    assert adapt({**BODY, "data": inner}).data["currency"] == "EUR"


def test_a_mapping_without_id_and_time_writes_neither(settings: Settings) -> None:
    mapping = {name: CHARGE[name] for name in ("type", "when", "data")}
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": mapping}}
    event = adapt(BODY)

    written = adapters().named("webhook pay").write(event)

    assert written.keys() == {"type", "livemode", "data"}
    assert event.event_id != adapt(BODY).event_id


@pytest.mark.usefixtures("charges")
@pytest.mark.parametrize("name", ["Trading.TradeExecuted", "Financial.PaymentCompleted.v1"])
def test_an_event_of_another_type_is_not_written(name: str) -> None:
    entry = registry.resolve(name)

    with pytest.raises(InvalidEvent, match=f"webhook pay has no name for {entry.label}; "):
        adapters().named("webhook pay").write(Event.new(entry.label, entry.example))


def test_a_body_is_of_the_version_its_mapping_was_held_against(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken as an older one it would pass for what the mapping does not say."""
    for shelf in ("_types", "_names", "_latest", "_streams"):
        monkeypatch.setattr(registry, shelf, dict(getattr(registry, shelf)))
    for version, longest in ((1, 20), (2, 3)):
        event_type(
            "Desk.Opened", version=version, entity="name", owner="desk", example={"name": "a"}
        )(
            create_model(
                "Opened", __base__=Payload, name=(Annotated[str, Field(max_length=longest)], ...)
            )
        )
    opened = {"when": {"kind": "opened"}, "data": {"name": "name"}}
    newest, first = {**opened, "type": "Desk.Opened"}, {**opened, "type": "Desk.Opened.v1"}
    body = {"kind": "opened", "name": "Lagos"}

    settings.ASTRA = {**settings.ASTRA, "webhooks": {"desk": newest}}
    with pytest.raises(InvalidEvent, match=r"data\.name: String should have at most 3 characters"):
        adapt(body)
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"desk": first}}
    assert adapt(body).event_version == 1


@pytest.mark.usefixtures("charges")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "charge.failed"}, "not webhook pay: type is not what the mapping asks for"),
        ({"livemode": 1}, "not webhook pay: livemode is not what the mapping asks for"),
        ({"data": {"object": {"id": "ch_1", "owners": []}}}, "data.object.owners.0: is missing"),
        ({"data": {"object": {"id": "ch_1", "owners": "78"}}}, "data.object.owners.0: is missing"),
        ({"data": {"object": {"id": "ch_1", "owners": {"1": 7}}}}, "owners.0: is missing"),
        ({"data": []}, "data.object.id: is missing in the body; payment_id of"),
        ({"created": "noon"}, "occurred_at"),
    ],
)
def test_a_body_that_does_not_fit_says_where(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({**BODY, **change})

    assert told in str(refused.value)


@pytest.mark.usefixtures("charges")
def test_without_its_id_a_body_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="id: is missing in the body; it is the event's id"):
        adapt({name: value for name, value in BODY.items() if name != "id"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "Financial.Paid"}, "'Financial.Paid' is not a registered event type"),
        ({"when": {}}, "when"),
        ({"data": {**CHARGE["data"], "colour": "x"}}, "has no field 'colour'"),
        ({"data": {"payment_id": "id"}}, "nothing gives 'amount'"),
        ({"times": "x"}, "times"),
        ({"data": {}}, "data: Dictionary should have at least 1 item"),
        ({"id": "x" * 201}, "id: String should have at most 200 characters"),
        (
            {"id": "", "time": 7},
            "id: String should have at least 1 character; time: Input should be",
        ),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_by_name(
    settings: Settings, change: dict[str, Any], told: str
) -> None:
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": {**CHARGE, **change}}}

    with pytest.raises(ConfigurationError) as refused:
        adapters()

    assert "ASTRA[\"webhooks\"]['pay']" in str(refused.value)
    assert told in str(refused.value)
    assert "pydantic" not in str(refused.value)


def test_what_is_no_mapping_is_refused_by_name(settings: Settings) -> None:
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": 7}}

    with pytest.raises(ConfigurationError, match=r"\['pay'\]: Input should be a valid dictionary"):
        adapters()


def test_a_place_in_a_list_is_a_number_of_ascii_digits(settings: Settings) -> None:
    mapping = {**CHARGE, "data": {**CHARGE["data"], "user_id": "data.object.owners.\u00b2"}}
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"pay": mapping}}

    with pytest.raises(InvalidEvent, match="owners.\u00b2: is missing in the body"):
        adapt(BODY)


@pytest.mark.usefixtures("charges")
@pytest.mark.parametrize("given", [None, "", True, {}, 1.5])
def test_an_id_that_names_nothing_is_refused(given: Any) -> None:
    """Two events would be one by it."""
    with pytest.raises(InvalidEvent, match="must be a text or a whole number"):
        adapt({**BODY, "id": given})
