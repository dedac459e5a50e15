"""What is personal or secret does not leave the server."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from events import Event
from events.privacy import MASK, masked, masked_text

REGISTERED = {"user_id": 7, "username": "ada", "email": "ada@example.org", "country": "GB"}


def test_personal_fields_are_masked_and_the_others_are_not() -> None:
    event = Event.new("User.UserRegistered", REGISTERED)

    assert masked(event) == {**REGISTERED, "email": MASK}


def test_of_a_type_nobody_registered_nothing_is_shown() -> None:
    event = Event(
        event_id=UUID(int=1),
        event_type="Other.Thing",
        occurred_at=datetime.now(UTC),
        correlation_id=UUID(int=1),
        producer="elsewhere@1",
        domain="other",
        entity_id="1",
        data={"card": "4111 1111"},
    )

    assert masked(event) == {"card": MASK}


def test_a_personal_value_is_masked_in_an_error_text() -> None:
    event = Event.new("User.UserRegistered", REGISTERED)

    text = masked_text("no mailbox 'ada@example.org' at (ada@example.org)", event)

    assert text == f"no mailbox '{MASK}' at ({MASK})"


def test_a_text_without_an_event_is_left_as_it_is() -> None:
    assert masked_text("poison", None) == "poison"
