"""What is personal or secret does not leave the server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events import Event, adapt
from events.privacy import MASK, UNDECLARED, hidden, masked, masked_metadata, masked_text

REGISTERED = {"user_id": 7, "username": "ada", "email": "ada@example.org", "country": "GB"}


def as_sent(event_type: str, data: dict[str, Any]) -> Event:
    """An event as others may put it on the bus: nobody looked at its payload."""
    return Event(
        event_id=UUID(int=1),
        event_type=event_type,
        occurred_at=datetime.now(UTC),
        correlation_id=UUID(int=1),
        producer="elsewhere@1",
        domain=event_type.partition(".")[0].lower(),
        entity_id="1",
        data=data,
    )


def test_personal_fields_are_masked_and_the_others_are_not() -> None:
    event = Event.new("User.UserRegistered", REGISTERED)

    assert masked(event) == {**REGISTERED, "email": MASK}


def test_of_a_type_nobody_registered_nothing_is_shown() -> None:
    event = as_sent("Other.Thing", {"card": "4111 1111"})

    assert masked(event) == {"card": MASK}


def test_a_field_that_nobody_declared_is_told_and_not_its_value() -> None:
    """It may be anything: a card, a password."""
    event = as_sent("User.UserRegistered", {"card": {"number": "4111 1111"}, **REGISTERED})

    assert masked(event) == {"card": UNDECLARED, **REGISTERED, "email": MASK}
    assert list(masked(event)) == list(event.data)
    assert hidden(event) == {"card": UNDECLARED, "email": MASK}
    assert masked_text("no card 4111 1111", event) == f"no card {MASK}"


def test_fields_are_those_of_the_version_an_event_is_of() -> None:
    paid = {"payment_id": "p-1", "method": "card"}
    event = as_sent("Financial.PaymentCompleted", paid)

    assert masked(event) == {**paid, "method": UNDECLARED}


def test_a_personal_value_is_masked_in_an_error_text() -> None:
    event = Event.new("User.UserRegistered", REGISTERED)

    text = masked_text("no mailbox 'ada@example.org' at (ada@example.org)", event)

    assert text == f"no mailbox '{MASK}' at ({MASK})"


def test_what_another_system_said_beside_is_told_and_not_its_values() -> None:
    opened = {"position_id": "p", "user_id": 7, "symbol": "S", "side": "long"}
    event = adapt(
        {
            "event_type": "Trading.Position.Opened.v1",
            "payload": {**opened, "quantity": "1", "price": "2"},
            "metadata": {"trace": "t"},
            "customer": {"card": "4111 1111"},
        }
    )

    assert masked_metadata(event) == {"trace": "t", "tradesense": {"customer": UNDECLARED}}
    assert masked_text("no card 4111 1111", event) == f"no card {MASK}"
    for own in ({}, {"tradesense": 7}, {"cloudevents": {"partitionkey": "7"}}):
        assert masked_metadata(replace(event, metadata=own)) == own


@pytest.mark.parametrize(
    "value",
    [
        ["Ada Lovelace"],
        {"home": {"street": ["Ada Lovelace", 7]}},
        {"Ada Lovelace": None},
        [[[["Ada Lovelace"]]]],
    ],
)
@pytest.mark.parametrize("name", ["email", "contact"])
def test_what_stands_inside_lists_and_objects_is_masked_in_a_text_too(
    name: str, value: Any
) -> None:
    event = as_sent("User.UserRegistered", {**REGISTERED, name: value})

    assert masked_text("no street of Ada Lovelace", event) == f"no street of {MASK}"


def test_numbers_are_masked_and_what_is_too_short_is_left() -> None:
    event = as_sent("Other.Thing", {"pin": [4711, 7, True, None], "to": "ab"})

    assert masked_text("pin 4711, 7 of ab, None", event) == f"pin {MASK}, 7 of ab, None"


@pytest.mark.parametrize("quoted", [repr, json.dumps])
def test_a_value_is_found_as_it_is_quoted(quoted: Any) -> None:
    event = as_sent("Other.Thing", {"who": 'Zoë "Z"\nO\'Hara'})

    assert masked_text(f"no {quoted(event.data['who'])}", event).strip("no '\"") == MASK


def test_of_two_values_the_longer_is_masked_whole() -> None:
    event = as_sent("Other.Thing", {"a": "Ada", "b": "Ada Lovelace"})

    assert masked_text("Ada Lovelace", event) == MASK


def test_a_text_in_which_nothing_of_it_occurs_is_left_as_it_is() -> None:
    assert masked_text("no mailbox", Event.new("User.UserRegistered", REGISTERED)) == "no mailbox"


def test_a_text_without_an_event_is_left_as_it_is() -> None:
    assert masked_text("poison", None) == "poison"
