from __future__ import annotations

from typing import Annotated

import pytest

from events.errors import ConfigurationError
from events.registry import (
    PERSONAL,
    SECRET,
    DomainEventRegistry,
    EventType,
    Payload,
    UserId,
    event_type,
    registry,
)


class Shipped(Payload):
    """A parcel left the house."""

    user_id: UserId
    email: Annotated[str, PERSONAL] = ""
    key: Annotated[str, SECRET] = ""


def entry(name: str = "Parcel.Shipped", version: int = 1, **changes: object) -> EventType:
    facts: dict[str, object] = {
        "title": "Shipped",
        "description": "",
        "owner": "parcels",
        "entity_field": "user_id",
        "aliases": (),
        "example": {"user_id": 1},
        "retention_days": 30,
        "since": "0.1",
        "payload": Shipped,
    }
    return EventType(name=name, version=version, **{**facts, **changes})  # type: ignore[arg-type]


def test_the_newest_version_is_meant_unless_one_is_named() -> None:
    catalogue = DomainEventRegistry()
    catalogue.register(entry(version=1))
    catalogue.register(entry(version=2))

    assert catalogue.resolve("Parcel.Shipped").version == 2
    assert catalogue.resolve("Parcel.Shipped.v1").version == 1
    assert catalogue.resolve("Parcel.Shipped", 1).version == 1


def test_an_alias_that_means_another_type_is_refused() -> None:
    catalogue = DomainEventRegistry()
    catalogue.register(entry(aliases=("shipped",)))

    with pytest.raises(ConfigurationError, match="already means Parcel.Shipped"):
        catalogue.register(entry("Parcel.Sent", aliases=("shipped",)))


def test_two_types_on_one_stream_are_refused() -> None:
    class Other(Shipped):
        """Another."""

    catalogue = DomainEventRegistry()
    catalogue.register(entry("Parcel.ShippedOff"))

    with pytest.raises(ConfigurationError, match="declared twice"):
        catalogue.register(entry("Parcel.Shipped.Off", payload=Other))


def test_personal_and_secret_fields_are_found_by_their_marks() -> None:
    assert entry().personal == ("email",)
    assert entry().secret == ("key",)


def test_an_example_that_does_not_validate_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="example does not validate"):
        event_type("Parcel.Lost", entity="user_id", owner="parcels", example={})(Shipped)


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Domain.Event"):
        event_type("parcel_lost", entity="user_id", owner="p", example={"user_id": 1})(Shipped)


def test_an_entity_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="parcel_id"):
        event_type("Parcel.Lost", entity="parcel_id", owner="p", example={"user_id": 1})(Shipped)


def test_every_type_of_the_vocabulary_says_what_it_is() -> None:
    entries = registry.all()

    assert len(entries) == 65
    for known in entries:
        assert known.description.endswith("."), known.name
        assert known.owner, known.name
        assert known.title, known.name
        assert registry.by_stream(known.stream) is known
