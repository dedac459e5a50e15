"""Whatever comes in: an event, or a refusal by name; never another error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import InvalidEvent, adapt
from events.adapters import MAX_BODY_BYTES, adapt_body
from events.registry import registry

words = st.sampled_from(
    ["event_type", "data", "payload", "type", "specversion", "source", "id", "domain", "timestamp",
     "correlation_id", "metadata", "event_id", "occurred_at", "subject", "time", "1.0",
     "Trading.TradeExecuted", "Trading.TradeExecuted.v1", "trading_signal", "XPGainedEvent",
     "trading", "event_version", "astrametadata", "datacontenttype"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=8),
    max_leaves=15,
)
headers = st.dictionaries(
    st.sampled_from(["ce-specversion", "ce-type", "ce-id", "ce-source", "ce-time", "content-type"]),
    st.text(max_size=12) | words,
    max_size=6,
)


@settings(max_examples=500, deadline=None)
@given(anything, headers)
def test_any_value_is_an_event_or_is_refused(raw: Any, given_headers: dict[str, str]) -> None:
    try:
        adapt(raw, given_headers)
    except InvalidEvent as error:
        assert all(problem.field and problem.reason for problem in error.problems)
        assert str(error).isprintable()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), headers)
def test_any_body_is_an_event_or_is_refused(body: bytes, given_headers: dict[str, str]) -> None:
    try:
        adapt_body(body, given_headers)
    except InvalidEvent as error:
        assert error.problems[0].reason
        assert str(error).isprintable()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), "at most 8,388,608 are read"),
        (b"[" * 5_000, "is no JSON"),
        (b"\xff", "is no JSON"),
        (b'{"x": ' + b"9" * 5_000 + b"}", "is no JSON: a number in it has more than 4,300 digits$"),
        (b'{"event_type": NaN}', "is no JSON: NaN is not a JSON number"),
        (b'{"type": "a", "data": {"x": 1, "x": 2}}', "is no JSON: 'x' stands in one object twice"),
    ],
)
def test_a_body_that_is_no_json_or_too_long_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(InvalidEvent, match=told):
        adapt_body(body)


def test_a_payload_too_large_to_carry_is_refused_in_every_format() -> None:
    example = registry.resolve("Trading.TradeExecuted").example
    huge = {**example, "trade_id": "x" * 300_000}

    for raw in (["Trading.TradeExecuted", huge], {"type": "Trading.TradeExecuted", "data": huge}):
        with pytest.raises(InvalidEvent, match=r"data\.trade_id"):
            adapt(json.loads(json.dumps(raw)))


LONG = "\x1b\n" + "y" * 100_000
TWICE = f"{json.dumps({LONG: 1})[:-1]}, {json.dumps({LONG: 2})[1:]}"
EXAMPLE = registry.resolve("Trading.TradeExecuted").example
ENVELOPE = {"event_type": "Trading.TradeExecuted", "data": EXAMPLE}
CLOUD = {"specversion": "1.0", "id": "1", "source": "s", "type": "Trading.TradeExecuted"}


@pytest.mark.parametrize(
    "raw",
    [
        {**ENVELOPE, "event_type": LONG, "producer": "p@1"},
        {**ENVELOPE, "event_type": [LONG]},
        {**ENVELOPE, LONG: 1},
        {**ENVELOPE, "domain": LONG},
        {**ENVELOPE, "occurred_at": LONG},
        {**ENVELOPE, "data": {**EXAMPLE, LONG: 1}},
        {**ENVELOPE, "data": {f"k{number}": 1 for number in range(1_000)}},
        {"event_type": "trading_signal", "data": EXAMPLE, "timestamp": 10**400},
        {"event_type": "trading_signal", "data": EXAMPLE, "timestamp": 10**5_000},
        {"event_type": "trading_signal", "data": EXAMPLE, "event_version": 10**5_000},
        {"event_type": "Trading.TradeExecuted", "domain": LONG, "correlation_id": LONG},
        {"type": LONG, "data": EXAMPLE},
        {"type": "trading_signal", "data": EXAMPLE, LONG: 1},
        {"type": "trading_signal", "data": TWICE},
        {**CLOUD, "specversion": LONG},
        {**CLOUD, "specversion": [LONG] * 100},
        {**CLOUD, "datacontenttype": LONG},
        {**CLOUD, "data": EXAMPLE, "type": LONG},
    ],
)  # fmt: skip
def test_what_is_long_or_raw_is_not_repeated_whole(raw: Any) -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt(raw)

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1_500


def test_a_header_of_a_long_name_is_not_repeated_whole() -> None:
    headers = {"ce-specversion": "1.0", f"ce-{LONG}": "%FF"}

    with pytest.raises(InvalidEvent, match=r"^event: ce-\\x1b\\n") as refused:
        adapt(EXAMPLE, headers)

    assert len(str(refused.value)) < 300
