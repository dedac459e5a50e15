"""Several versions of a type: what was said in an older one reaches handlers in the newest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from django.apps import apps
from pydantic import Field

from events import (
    Context,
    Event,
    Payload,
    Reject,
    event_type,
    groups,
    remember,
    upcaster,
    versions,
)
from events.errors import ConfigurationError, InvalidEvent
from events.groups import Group, Handler, set_up
from events.models import DeadLetter, StoredEvent
from events.operations import Actor, replay_dead_letters
from events.registry import registry
from events.transport.base import Append
from events.validation import as_said, understood
from tests.bus_fixture import Bus

OPERATOR = Actor("olga", "console", may_operate=True)
PAID = "Financial.PaymentCompleted"
FIRST = {"payment_id": "p-1", "user_id": 7, "amount": "29.00", "purpose": "purchase"}


class Weighed(Payload):
    """A parcel was weighed, in grams."""

    parcel_id: str
    grams: Annotated[int, Field(ge=0)]


class WeighedInKilograms(Payload):
    """A parcel was weighed, in kilograms."""

    parcel_id: str
    kilograms: str


class WeighedInTonnes(Payload):
    """A parcel was weighed, in tonnes."""

    parcel_id: str
    tonnes: str


@pytest.fixture
def parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parcel.Weighed in three versions; the registry forgets them afterwards."""
    for shelf in ("_types", "_names", "_latest", "_streams"):
        monkeypatch.setattr(registry, shelf, dict(getattr(registry, shelf)))
    monkeypatch.setattr(versions, "_upcasters", dict(versions._upcasters))
    examples = {
        Weighed: {"parcel_id": "a", "grams": 1500},
        WeighedInKilograms: {"parcel_id": "a", "kilograms": "1.5"},
        WeighedInTonnes: {"parcel_id": "a", "tonnes": "0.0015"},
    }
    for version, (model, example) in enumerate(examples.items(), start=1):
        declare = event_type(
            "Parcel.Weighed", version=version, entity="parcel_id", owner="post", example=example
        )
        declare(model)


def to_kilograms(data: dict[str, Any]) -> dict[str, Any]:
    return {"parcel_id": data["parcel_id"], "kilograms": str(data["grams"] / 1000)}


def to_tonnes(data: dict[str, Any]) -> dict[str, Any]:
    return {"parcel_id": data["parcel_id"], "tonnes": str(float(data["kilograms"]) / 1000)}


def listening(bus: Bus, function: Callable[[Event, Context], None], *, name: str = "ears") -> Group:
    group = Group(name, "financial", (Handler(function, name, "financial", (PAID,)),))
    set_up(bus.transport.streams, [group])
    return group


def test_a_handler_sees_the_newest_version_whichever_was_said(bus: Bus) -> None:
    seen: list[tuple[int, str, str]] = []

    def note(event: Event, context: Context) -> None:
        seen.append((event.event_version, event.data["method"], context.payload.method))

    group = listening(bus, note)
    first = Event.new(f"{PAID}.v1", FIRST)
    second = Event.new(PAID, {**FIRST, "payment_id": "p-2", "method": "card"})

    bus.publish(first, second)
    bus.drain([group])

    assert sorted(seen) == [(2, "card", "card"), (2, "unknown", "unknown")]
    assert {e.get_stream_name()[-2:] for e in bus.events()} == {"v1", "v2"}
    assert bus.events() == [first, second]


def test_steps_are_taken_one_after_the_other(parcels: None) -> None:
    upcaster("Parcel.Weighed", to=2)(to_kilograms)
    upcaster("Parcel.Weighed", to=3)(to_tonnes)
    said = Event.new("Parcel.Weighed.v1", {"parcel_id": "a", "grams": 2500})

    event, payload = understood(said)

    assert (event.event_version, event.data["tonnes"]) == (3, "0.0025")
    assert isinstance(payload, WeighedInTonnes)
    assert (event.event_id, event.occurred_at) == (said.event_id, said.occurred_at)
    assert said.data == {"parcel_id": "a", "grams": 2500}


def test_an_older_version_is_checked_as_what_it_was_said_to_be(bus: Bus) -> None:
    group = listening(bus, lambda event, context: None)
    said = Event.new(f"{PAID}.v1", FIRST)
    body = said.to_json().replace(b'"purchase"', b'"a yacht"')
    bus.transport.streams.append([Append(said.get_stream_name(), said.event_id, body)])

    bus.drain([group])

    (letter,) = DeadLetter.objects.filter(group_name="ears")
    assert (letter.kind, "data.purpose" in letter.message) == ("permanent", True)
    assert bytes(letter.body) == body


def test_an_upcaster_that_fails_sets_the_event_aside_as_it_was_said(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("colour")

    group = listening(bus, lambda event, context: None)
    monkeypatch.setitem(versions._upcasters, (PAID, 1), broken)
    said = Event.new(f"{PAID}.v1", FIRST)
    bus.publish(said)

    bus.drain([group])

    (letter,) = DeadLetter.objects.filter(group_name="ears")
    assert letter.kind == "permanent"
    assert "cannot be brought up from v1: KeyError: 'colour'" in letter.message
    assert Event.from_json(bytes(letter.body)) == said


def test_a_replay_of_an_older_version_is_brought_up_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def fail_once(event: Event, context: Context) -> None:
        seen.append(event.data["method"])
        if len(seen) == 1:
            raise Reject("not yet")

    group = listening(bus, fail_once)
    monkeypatch.setitem(groups._handlers, "ears", group.handlers[0])
    bus.publish(Event.new(f"{PAID}.v1", FIRST))
    bus.drain([group])
    letter = DeadLetter.objects.get(group_name="ears")

    replay_dead_letters(OPERATOR, [letter.pk], "mended")
    bus.drain([group])

    assert seen == ["unknown", "unknown"]
    letter.refresh_from_db()
    assert letter.state == "resolved"


def test_what_came_straight_to_the_bus_is_stored_as_it_was_said(bus: Bus) -> None:
    said = Event.new(f"{PAID}.v1", FIRST)
    event, _ = understood(said)

    remember([event])

    row = StoredEvent.objects.get()
    assert (row.event_version, row.event) == (1, said)
    assert as_said(event) is said
    assert as_said(said) is said


def test_a_version_that_nothing_brings_up_is_refused(parcels: None) -> None:
    upcaster("Parcel.Weighed", to=2)(to_kilograms)

    with pytest.raises(ConfigurationError, match=r"from v2 to v3.*@upcaster\(\"Parcel.Weighed\""):
        versions.check()


def test_the_start_is_refused_for_it(parcels: None) -> None:
    with pytest.raises(ConfigurationError, match="nothing brings Parcel.Weighed from v1 to v2"):
        apps.get_app_config("events").ready()


def test_an_upcaster_whose_result_is_not_valid_is_refused(parcels: None) -> None:
    upcaster("Parcel.Weighed", to=2)(to_kilograms)
    upcaster("Parcel.Weighed", to=3)(lambda data: data)

    with pytest.raises(ConfigurationError, match=r"v1, brought up to v3, does not validate"):
        versions.check()


def test_what_a_model_refuses_on_the_way_up_is_told_as_our_own_list(parcels: None) -> None:
    def by_a_model(data: dict[str, Any]) -> dict[str, Any]:
        return Weighed.model_validate({"parcel_id": 7}).model_dump()

    upcaster("Parcel.Weighed", to=2)(to_kilograms)
    upcaster("Parcel.Weighed", to=3)(lambda data: data)
    told = "WeighedInTonnes: tonnes: Field required; kilograms: Extra inputs are not permitted"
    with pytest.raises(
        ConfigurationError, match=f"v1, brought up to v3, does not validate: {told}$"
    ):
        versions.check()

    versions._upcasters["Parcel.Weighed", 2] = by_a_model
    why = "Weighed: parcel_id: Input should be a valid string; grams: Field required"
    with pytest.raises(InvalidEvent, match=f"brought up from v2: ValidationError: {why}$"):
        understood(Event.new("Parcel.Weighed.v2", {"parcel_id": "a", "kilograms": "1.5"}))


def test_two_upcasters_for_one_step_are_refused(parcels: None) -> None:
    upcaster("Parcel.Weighed", to=2)(to_kilograms)

    with pytest.raises(ConfigurationError, match="two upcasters to v2"):
        upcaster("Parcel.Weighed", to=2)(to_tonnes)


def test_every_registered_version_can_be_brought_up() -> None:
    versions.check()

    assert any(not registry.is_newest(entry) for entry in registry.all())


def test_a_version_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidEvent, match=r"PaymentCompleted there is v1, v2"):
        Event.new(f"{PAID}.v9", FIRST)


def test_an_upcaster_to_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_upcasters", dict(versions._upcasters))
    upcaster(PAID, to=3)(lambda data: data)

    with pytest.raises(ConfigurationError, match="up to v3, which nobody registers"):
        versions.check()


def test_an_upcaster_cannot_rewrite_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"legs": [{"price": 1}]}

    def doubled(data: dict[str, Any]) -> dict[str, Any]:
        data["legs"][0]["price"] *= 2
        return data

    monkeypatch.setitem(versions._upcasters, (PAID, 1), doubled)
    _, raised = versions.brought_up(registry.resolve(PAID, 1), said)

    assert (raised, said) == ({"legs": [{"price": 2}]}, {"legs": [{"price": 1}]})


@pytest.mark.parametrize("suffix", ["v0", "v01", "v\N{FULLWIDTH DIGIT ONE}"])
def test_what_is_no_version_is_not_taken_for_one(suffix: str) -> None:
    with pytest.raises(InvalidEvent, match="is not a registered event type"):
        Event.new(f"{PAID}.{suffix}", FIRST)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"version": 0}, "version is 0; it is a number from 1"),
        ({"version": 10**6}, "it is a number from 1 to 999,999"),
        ({"retention_days": -5}, "retention_days is -5; write 0 for ever"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(
    declared: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        event_type(
            "Parcel.Lost",
            entity="parcel_id",
            owner="parcels",
            example={"parcel_id": "p", "grams": 1},
            **declared,
        )(Weighed)
