"""Every registered type: what is valid survives unchanged, what is not is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events import Event, publish
from events.errors import InvalidEvent
from events.registry import EventType, registry
from events.validation import payload_of, validated
from tests.bus_fixture import Bus
from tests.payloads import payloads

TYPES = registry.all()
MADE = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("entry", TYPES, ids=attrgetter("label"))
@MADE
@given(data=st.data())
def test_a_valid_payload_survives_json_unchanged(entry: EventType, data: Any) -> None:
    payload = data.draw(payloads(entry.payload))

    event = Event.new(entry.label, payload)

    again = Event.from_json(event.to_json())
    assert again == event
    assert payload_of(again) == entry.payload.model_validate(payload)
    assert validated(again.to_dict()) == event


@settings(
    max_examples=1,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(data=st.data())
def test_valid_payloads_survive_the_store_and_the_bus_unchanged(bus: Bus, data: Any) -> None:
    events = [Event.new(entry.label, data.draw(payloads(entry.payload))) for entry in TYPES]

    publish(*events)

    mine = {event.event_id: event for event in events}
    stored = {row.event_id: row for row in bus.events() if row.event_id in mine}
    streams = dict.fromkeys((entry.stream for entry in TYPES), "0-0")
    tail = bus.transport.inspector.tail(streams, 10_000, 0)
    found = [Event.from_json(entry.body) for entry in tail]
    carried = {event.event_id: event for event in found if event.event_id in mine}
    assert stored == carried == mine


WRONG: tuple[Any, ...] = ({"a": 1}, [[1]], float("nan"), "\n", "x" * 10_000, object(), b"\x00")
"""What no field of any type takes, but for text that may be long or have a line break."""


def spoiled(entry: EventType) -> Iterator[tuple[str, dict[str, Any]]]:
    """Payloads with one thing wrong, each with the field it is wrong in."""
    good = dict(entry.example)
    yield "data.nobody_declared_it", {**good, "nobody_declared_it": 1}
    for name, field in entry.payload.model_fields.items():
        if field.is_required():
            yield f"data.{name}", {key: value for key, value in good.items() if key != name}
            yield f"data.{name}", {**good, name: None}
        for value in WRONG:
            yield f"data.{name}", {**good, name: value}


def test_two_thousand_invalid_payloads_are_refused_with_field_and_reason() -> None:
    refused = 0
    for entry in TYPES:
        for field, payload in spoiled(entry):
            try:
                Event.new(entry.label, payload)
            except InvalidEvent as error:
                named = [one for one in error.problems if one.field.startswith(field)]
                assert named, (entry.name, field, error)
                assert all(one.reason for one in named)
                refused += 1

    assert refused >= 2_000


ENVELOPES: tuple[dict[str, Any], ...] = (
    {"event_type": "Nobody.Knows"},
    {"event_type": 7},
    {"event_version": 99},
    {"event_version": "first"},
    {"event_id": "not-an-id"},
    {"occurred_at": "yesterday"},
    {"occurred_at": "2026-01-15T12:00:00"},
    {"correlation_id": 5},
    {"causation_id": []},
    {"producer": ""},
    {"producer": "a\nb"},
    {"domain": "weather"},
    {"entity_id": "x" * 201},
    {"data": None},
    {"data": "text"},
    {"metadata": "text"},
    {"metadata": {"a": float("inf")}},
    {"colour": "red"},
)


@pytest.mark.parametrize("entry", TYPES, ids=attrgetter("label"))
def test_an_invalid_envelope_of_every_type_is_refused_with_its_field(entry: EventType) -> None:
    good = Event.new(entry.label, entry.example).to_dict()

    for change in ENVELOPES:
        with pytest.raises(InvalidEvent) as refused:
            validated({**good, **change})
        (name,) = change
        fields = {problem.field.partition(".")[0] for problem in refused.value.problems}
        assert fields & {name, "event_type", "data"}, (change, refused.value)
