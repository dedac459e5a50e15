from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.envelope import Event
from events.errors import InvalidEvent, UnknownType
from events.registry import registry
from events.validation import MAX_EVENT_BYTES, payload_of, validated
from tests.events.conftest import trade


def envelope(**changes: Any) -> dict[str, Any]:
    raw = {
        "event_type": "Trading.TradeExecuted",
        "data": {"user_id": 123, "symbol": "STRK", "value": "1500.00"},
    }
    return {**raw, **changes}


def problems(raw: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as refused:
        validated(raw)
    return [(problem.field, problem.reason) for problem in refused.value.problems]


def fields(raw: Any) -> list[str]:
    return [field for field, _ in problems(raw)]


def test_what_is_absent_is_filled_in() -> None:
    event = validated(envelope())

    assert (event.domain, event.entity_id, event.event_version) == ("trading", "123", 1)
    assert event.producer.startswith("trading@")


def test_an_alias_and_a_version_suffix_mean_the_canonical_type() -> None:
    event = validated(envelope(event_type="Trading.Trade.Executed.v1"))

    assert event.event_type == "Trading.TradeExecuted"
    assert event.get_stream_name() == "astra.trading.tradeexecuted.v1"


def test_every_wrong_field_is_named_at_once() -> None:
    data = {"user_id": 0, "symbol": "STRK", "value": 1500.0, "extra": 1}

    assert sorted(fields(envelope(data=data))) == ["data.extra", "data.user_id", "data.value"]


def test_money_as_a_float_is_refused_with_the_way_to_write_it() -> None:
    found = dict(problems(envelope(data={"user_id": 1, "symbol": "S", "value": 1500.0})))

    assert "string" in found["data.value"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event_id": "not-a-uuid"}, "event_id"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-05:00"}, "occurred_at"),
        ({"correlation_id": 7}, "correlation_id"),
        ({"domain": "nft"}, "domain"),
        ({"producer": "two\nlines"}, "producer"),
        ({"entity_id": ""}, "entity_id"),
        ({"data": []}, "data"),
        ({"data": None}, "data"),
        ({"surprise": 1}, "surprise"),
        ({"event_version": 0}, "event_version"),
        ({"metadata": {"share": float("nan")}}, "metadata"),
    ],
)
def test_a_wrong_envelope_names_its_field(changes: dict[str, Any], field: str) -> None:
    assert field in fields(envelope(**changes))


def test_a_wrong_time_is_told_with_how_to_write_it() -> None:
    for wrong in ("2026-01-01T00:00:00", "yesterday", True, []):
        assert problems(envelope(occurred_at=wrong)) == [
            (
                "occurred_at",
                f"is {wrong!r}; write an instant with its zone, such as 2026-01-15T12:30:15Z",
            )
        ]


def test_what_calls_itself_nothing_readable_is_an_event() -> None:
    for label in (None, "", 7, ["Trading.TradeExecuted"] * 10_000):
        with pytest.raises(InvalidEvent, match=r"^event: event_type: "):
            validated(envelope(event_type=label))


@pytest.mark.parametrize(
    "metadata", [{"a": {7: "x"}}, {"a": [{None: 1}]}, {"a": ({True: 1},)}, {"a": {"b": {1.5: 1}}}]
)
def test_a_key_that_is_not_a_text_is_refused_however_deep_it_is(metadata: dict[str, Any]) -> None:
    """JSON would make a text of it, and what is read back would be another event."""
    assert problems(envelope(metadata=metadata)) == [("metadata", "has a key that is not a string")]


def test_a_key_that_is_not_a_text_is_refused_of_our_own_code_too() -> None:
    wrong: Any = {7: 7}

    with pytest.raises(InvalidEvent, match="metadata: has a key that is not a string"):
        trade(metadata=wrong)


def test_metadata_nested_too_deeply_is_refused() -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = [deep]

    assert fields(envelope(metadata={"deep": deep})) == ["metadata"]


def test_an_unknown_type_names_its_neighbours() -> None:
    with pytest.raises(UnknownType, match="did you mean Trading.TradeExecuted"):
        validated(envelope(event_type="Trading.TradeExecutd"))


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnknownType, match=r"Trading.TradeExecuted\.v9"):
        validated(envelope(event_version=9))


def test_an_event_too_large_to_carry_says_how_large_it_is() -> None:
    with pytest.raises(InvalidEvent, match="at most 262,144"):
        trade(metadata={"ballast": "x" * MAX_EVENT_BYTES})


@pytest.mark.parametrize("entry", registry.all(), ids=lambda entry: entry.name)
def test_every_registered_example_validates_and_comes_back_unchanged(entry: Any) -> None:
    event = Event.new(entry.label, entry.example)

    again = Event.from_json(event.to_json())

    assert again == event
    assert payload_of(again) == entry.payload.model_validate(entry.example)
    assert again.entity_id == str(getattr(payload_of(again), entry.entity_field))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["event_type", "data", "event_id", "occurred_at", "metadata", "producer", "domain",
             "event_version", "correlation_id", "entity_id", "other"]
        ),
        json_values,
    )
)  # fmt: skip
def test_a_generated_envelope_is_an_event_or_is_refused_by_field(raw: dict[str, Any]) -> None:
    try:
        event = validated({**envelope(), **raw})
    except InvalidEvent as refused:
        assert all(problem.field and problem.reason for problem in refused.problems)
    else:
        assert Event.from_json(event.to_json()) == event
