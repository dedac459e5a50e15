from datetime import UTC, datetime

import pytest

from events.queries.lines import Line
from events.queries.tail import TailStream
from monitoring.tail_filter import Filter, FilterError, parse

KNOWN = (
    TailStream("astra.trading.tradeexecuted.v1", "trading", "Trading.TradeExecuted", 1),
    TailStream("astra.gamification.xpgained.v1", "gamification", "Gamification.XPGained", 1),
    TailStream("astra.risk.limitbreached.v1", "risk", "Risk.Limit.Breached", 1),
)


def line(**values: object) -> Line:
    given: dict[str, object] = {
        "event_id": "1",
        "stream": KNOWN[0].name,
        "at": datetime(2026, 7, 1, tzinfo=UTC),
        "domain": "trading",
        "event_type": "Trading.TradeExecuted",
        "version": 1,
        "entity_label": "user",
        "entity_id": "123",
        "correlation_id": "019aa4c2-7b1e-7c40-9f7e-2f6a81c00d15",
        "producer": "trading@1.4.0",
        "payload": {"user_id": 123, "symbol": "STRK", "value": "1500.00"},
    }
    return Line(**{**given, **values})  # type: ignore[arg-type]


def streams(text: str) -> list[str]:
    return [stream.domain for stream in parse(text, KNOWN).streams(KNOWN)]


def test_an_empty_filter_wants_everything() -> None:
    assert parse("", KNOWN) == Filter()
    assert len(streams("")) == 3
    assert not parse("", KNOWN).looks_inside


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("domain:trading,risk", ["trading", "risk"]),
        ("type:XPGained", ["gamification"]),
        ("type:gamification.xpgained", ["gamification"]),
        ("type:Limit.Breached", ["risk"]),
        ("stream:astra.risk.limitbreached.v1", ["risk"]),
        ("domain:trading type:XPGained", []),
    ],
)
def test_domain_type_and_stream_choose_streams_alone(text: str, domains: list[str]) -> None:
    assert streams(text) == domains
    assert not parse(text, KNOWN).looks_inside


@pytest.mark.parametrize(
    "text",
    [
        "entity:123",
        "entity:user:123",
        "entity:9,123",
        "correlation:019AA4C2-7b1e-7c40-9f7e-2f6a81c00d15",
        "producer:trading",
        "value>1000",
        "value<1500.01",
        "symbol=strk",
        "strk",
        "TradeEx 1500",
    ],
)
def test_what_lies_inside_an_event_is_matched(text: str) -> None:
    assert parse(text, KNOWN).admits(line())


@pytest.mark.parametrize(
    "text",
    [
        "entity:12",
        "entity:order:123",
        "producer:social",
        "value>1500",
        "symbol>3",
        "missing=1",
        "strk btc",
    ],
)
def test_what_does_not_match_is_left_out(text: str) -> None:
    assert not parse(text, KNOWN).admits(line())


def test_a_word_is_looked_for_in_what_is_shown_not_in_what_is_masked() -> None:
    masked = line(payload={"email": "•••• masked"})

    assert not parse("ada@example.org", KNOWN).admits(masked)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "no qualifier “colour”"),
        ("domain:weather", "no domain “weather”; there are gamification, risk and trading"),
        ("type:Nothing", "no event type “nothing”"),
        ("stream:x", "no stream “x”"),
        ("value>many", "“many” is none"),
        ("a" * 401, "at most 400 characters"),
        ("a " * 21, "at most 20 terms"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_in_plain_words(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse(text, KNOWN)


def test_choices_beside_the_text_count_like_qualifiers() -> None:
    assert parse("", KNOWN, ["trading"], ["TradeExecuted"]) == parse(
        "domain:trading type:TradeExecuted", KNOWN
    )
