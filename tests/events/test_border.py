"""Whatever comes in is taken as it is or refused by name: never another error, never a change."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import publish, publish_direct
from events.envelope import Event
from events.errors import InvalidEvent
from events.models import StoredEvent
from events.validation import MAX_EVENT_BYTES, encoded, payload_of, publishable, validated
from tests.bus_fixture import Bus
from tests.events.conftest import TRADE, trade

FAST = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)

SURROGATE = "\ud800"
TEN_MB = 10 * 1024 * 1024

keys = st.text(max_size=5) | st.integers() | st.booleans() | st.none()
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters())
    | st.binary(max_size=5)
    | st.decimals()
    | st.uuids()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def raw(data: Any = None, **envelope: Any) -> dict[str, Any]:
    good = {"user_id": 123, "symbol": "STRK", "value": "1500.00"}
    return {"event_type": TRADE, "data": good if data is None else {**good, **data}, **envelope}


def wrong(given: Any) -> list[str]:
    with pytest.raises(InvalidEvent) as refused:
        validated(given)
    return [problem.field for problem in refused.value.problems]


@FAST
@given(st.binary(max_size=200))
def test_bytes_are_an_event_or_are_refused(body: bytes) -> None:
    try:
        Event.from_json(body)
    except InvalidEvent as error:
        assert error.problems[0].reason


@FAST
@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_event_is_an_event_or_is_refused(at: int, damage: bytes) -> None:
    body = trade().to_json()
    damaged = body[:at] + damage + body[at + len(damage) :]

    try:
        publishable(Event.from_json(damaged))
    except InvalidEvent as error:
        assert error.problems[0].reason


@FAST
@given(st.dictionaries(st.text(max_size=5), anything, max_size=3))
def test_metadata_that_is_taken_comes_back_as_it_was(metadata: dict[str, Any]) -> None:
    try:
        event = validated(raw(metadata=metadata))
    except InvalidEvent as error:
        assert {problem.field for problem in error.problems} <= {"metadata", "data"}
        return

    assert Event.from_json(event.to_json()).metadata == metadata
    assert publishable(event)[0] is event


@FAST
@given(st.dictionaries(st.sampled_from(["user_id", "symbol", "value", "side", "new"]), anything))
def test_a_payload_that_is_taken_comes_back_as_it_was(data: dict[str, Any]) -> None:
    try:
        event = validated(raw(data))
    except InvalidEvent as error:
        assert all(problem.field.startswith("data") for problem in error.problems)
        return

    again = Event.from_json(event.to_json())
    assert again == event
    assert payload_of(again) == payload_of(event)


@FAST
@given(st.sampled_from(["value", "user_id", "symbol", "new"]), anything)
def test_what_is_changed_after_validation_is_validated_again(field: str, value: Any) -> None:
    event = trade()
    before = event.to_json()
    event.data[field] = value

    try:
        again, body = publishable(event)
    except InvalidEvent:
        return

    assert body == before or validated(again.to_dict()) == again
    assert payload_of(Event.from_json(body)) is not None


@pytest.mark.parametrize("depth", [1_000, 200_000])
def test_json_nested_too_deeply_is_refused(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    body = trade().to_json().replace(b'"metadata":{}', b'"metadata":{"deep":' + deep + b"}")

    with pytest.raises(InvalidEvent):
        publishable(Event.from_json(body))


@pytest.mark.parametrize("wrap", [list, tuple])
def test_values_nested_too_deeply_are_refused(wrap: type) -> None:
    deep: Any = "bottom"
    for _ in range(10_000):
        deep = wrap([deep])

    assert wrong(raw(metadata={"deep": deep})) == ["metadata"]
    assert wrong(raw({"symbol": deep})) == ["data.symbol"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_refused_everywhere(number: str) -> None:
    body = trade().to_json().replace(b'"1500.00"', number.encode())

    with pytest.raises(InvalidEvent):
        Event.from_json(body)
    assert wrong(raw({"value": Decimal(number)})) == ["data.value"]
    assert wrong(raw({"value": number})) == ["data.value"]
    assert wrong(raw(metadata={"share": float(number)})) == ["metadata"]


def test_of_a_key_that_comes_twice_the_last_counts_and_is_what_is_validated() -> None:
    body = trade().to_json().replace(b'"value":"1500.00"', b'"value":"1.00","value":"-1"')

    with pytest.raises(InvalidEvent, match=r"data\.value"):
        publishable(Event.from_json(body))


@pytest.mark.parametrize("text", ["a\x00b", f"a{SURROGATE}b", "two\nlines", ""])
def test_text_that_nobody_can_carry_is_refused_by_the_fields_name(text: str) -> None:
    assert wrong(raw(producer=text)) == ["producer"]
    assert wrong(raw(entity_id=text)) == ["entity_id"]
    with pytest.raises(InvalidEvent):
        validated({**raw(), "event_type": text})


def test_lone_surrogates_are_refused_wherever_they_stand() -> None:
    assert wrong(raw({"symbol": SURROGATE})) == ["data.symbol"]
    assert wrong(raw(metadata={"k": SURROGATE})) == ["metadata"]
    assert wrong(raw(metadata={SURROGATE: 1})) == ["metadata"]


def test_ten_megabytes_are_refused_with_both_figures(bus: Bus) -> None:
    with pytest.raises(InvalidEvent, match=r"has 10,4\d\d,\d\d\d bytes, at most 262,144"):
        Event.new(TRADE, raw()["data"], metadata={"ballast": "x" * TEN_MB})
    event = trade()
    event.metadata["ballast"] = "x" * MAX_EVENT_BYTES

    for say in (publish, publish_direct):
        with pytest.raises(InvalidEvent, match="at most 262,144"):
            say(trade(), event)

    assert StoredEvent.objects.count() == 0


def test_what_follows_and_is_too_large_fails_where_it_is_said() -> None:
    root = trade(metadata={"trace": "x" * (MAX_EVENT_BYTES - 500)})

    with pytest.raises(InvalidEvent, match="at most 262,144"):
        root.caused(TRADE, {**root.data, "trade_id": "t" * 100}, producer="p" * 200)


@pytest.mark.parametrize("number", [10**30, -(10**5_000), 2**63], ids=["large", "huge", "next"])
def test_numbers_that_fit_nowhere_are_refused(number: int) -> None:
    assert wrong(raw({"user_id": number})) == ["data.user_id"]


@pytest.mark.parametrize(
    "at",
    [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
    ids=["the first instant", "the last instant"],
)
def test_a_producers_clock_may_say_any_time(bus: Bus, at: datetime) -> None:
    event = trade(occurred_at=at)

    publish(event)
    bus.drain()

    assert StoredEvent.objects.get(event_id=event.event_id).occurred_at == at
    assert bus.dead_letters() == []


def test_what_json_cannot_say_is_refused_when_it_is_written() -> None:
    event = trade()
    event.data["value"] = {False: None}

    with pytest.raises(InvalidEvent, match="cannot be written as JSON"):
        encoded(event)
