"""Every foreign format: there and back, and what it cannot carry."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events import Event, InvalidEvent, UnknownFormat, adapt
from events.adapters import AdapterRegistry, adapters
from events.adapters.base import ENVELOPE
from events.adapters.tradpal import SNAKE
from events.errors import ConfigurationError
from events.registry import EventType, registry

TYPES = registry.all()
AT = datetime(2026, 1, 15, 12, 30, 15, 250_000, tzinfo=UTC)
CAUSE = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972a")


def said(entry: EventType) -> Event:
    """An event of a type with every field of the envelope set."""
    return Event.new(
        entry.label,
        entry.example,
        producer="desk@1.2",
        entity_id="book-3",
        occurred_at=AT,
        correlation_id=CAUSE,
        causation_id=CAUSE,
        metadata={"synthetic": True, "trace": "00-abc-01"},
    )


def is_carried(name: str, entry: EventType) -> bool:
    """Whether a format has a word for the type."""
    if name == "astratrade-legacy":
        return entry.domain == "gamification"
    if name.endswith("-enhanced"):
        return entry.domain == name.removesuffix("-enhanced")
    if name == "tradpal":
        return any(SNAKE.fullmatch(alias) for alias in entry.aliases)
    return True


UNNAMED = [
    ("astratrade-legacy", "Trading.TradeExecuted"),
    ("astratrade-legacy", "Gamification.Clan.Joined"),
    ("trading-enhanced", "Social.SocialInteraction"),
    ("social-enhanced", "Trading.TradeExecuted"),
    ("tradpal", "Trading.TradeExecuted"),
    ("tradpal", "Nobodys.Type"),
    ("tradesense", "odd"),
    ("astratrade-legacy", "odd"),
]
"""Formats, and types that they have no name for."""


KEPT = {
    "astra": ENVELOPE,
    "cloudevents": ENVELOPE,
    "tradesense": ENVELOPE,
    "trading-enhanced": ENVELOPE,
    "social-enhanced": ENVELOPE,
    "tradpal": ENVELOPE - {"metadata", "entity_id"},
    "astratrade-legacy": {
        "event_id", "event_type", "event_version", "occurred_at", "domain", "data",
    },
    "emit-event": {"event_type", "event_version", "domain", "data"},
}  # fmt: skip
"""What each format carries; the rest is filled in as for any new event."""

PAIRS = [(name, entry) for name in KEPT for entry in TYPES if is_carried(name, entry)]


@pytest.mark.parametrize(("name", "entry"), PAIRS, ids=[f"{n}-{e.label}" for n, e in PAIRS])
def test_what_is_written_is_read_as_the_same_event(name: str, entry: EventType) -> None:
    event = said(entry)
    written = adapters().named(name).write(event)

    chosen = adapters().choose(written, {})
    read = adapt(written)

    assert chosen.name == name
    for field in KEPT[name]:
        assert getattr(read, field) == getattr(event, field), field


@pytest.mark.parametrize(("name", "event_type"), UNNAMED)
def test_a_type_that_a_format_has_no_name_for_is_not_written(name: str, event_type: str) -> None:
    """Under a name that is not the format's it would be read as another, or by nobody."""
    event = replace(said(registry.resolve("Trading.TradeExecuted")), event_type=event_type)
    event = replace(event, domain=event_type.partition(".")[0].lower())

    with pytest.raises(InvalidEvent) as refused:
        adapters().named(name).write(event)

    assert refused.value.event_type == event_type
    assert f"the format {name} has no name for {event_type}.v1; " in str(refused.value)


def test_the_other_pairs_of_format_and_type_are_refused_when_they_are_written() -> None:
    for name in KEPT:
        for entry in TYPES:
            if (name, entry) not in PAIRS:
                with pytest.raises(InvalidEvent, match=f"the format {name} has no name for"):
                    adapters().named(name).write(said(entry))


@pytest.mark.parametrize("beside", [{"session": {"id": 7}, "desk": None}, {"occurred_at": "x"}])
@pytest.mark.parametrize("metadata", [None, {"synthetic": True}, {"tradesense": {"payload": 1}}])
def test_what_tradesense_says_beside_is_kept_and_written_where_it_stood(
    beside: dict[str, Any], metadata: Any
) -> None:
    written = adapters().named("tradesense").write(said(registry.resolve("Challenge.Started")))

    event = adapt({**written, **beside, "metadata": metadata})

    own = metadata or {}
    assert event.metadata == {**own, "tradesense": {**own.get("tradesense", {}), **beside}}
    again = adapters().named("tradesense").write(event)
    assert {name: again[name] for name in beside} == beside
    assert again["metadata"] == own
    assert adapt(again) == event


@pytest.mark.parametrize(
    "metadata", [{"tradesense": 7}, {"tradesense": {}}, {"tradesense": {"source": "x"}}, {}]
)
def test_metadata_that_only_look_kept_stay_where_they_are(metadata: dict[str, Any]) -> None:
    example = registry.resolve("Trading.TradeExecuted").example
    event = Event.new("Trading.TradeExecuted", example, metadata=metadata)

    written = adapters().named("tradesense").write(event)

    assert written["metadata"] == metadata
    assert adapt(written) == event


def test_a_version_that_tradesense_says_beside_the_name_is_no_field_to_keep() -> None:
    example = dict(registry.resolve("Challenge.Started").example)
    raw = {"event_type": "Challenge.Started.v1", "event_version": 1, "payload": example}

    assert adapt(raw).metadata == {}
    with pytest.raises(InvalidEvent, match="event_version: is 2, but Challenge.Started.v1 names"):
        adapt({**raw, "event_version": 2})


@pytest.mark.parametrize("metadata", [[1], "text", 7])
def test_metadata_that_are_no_object_are_refused_by_name(metadata: Any) -> None:
    written = adapters().named("tradesense").write(said(registry.resolve("Challenge.Started")))

    with pytest.raises(InvalidEvent, match="metadata: Input should be a valid dictionary"):
        adapt({**written, "desk": 7, "metadata": metadata})


@pytest.mark.parametrize("domain", ["trading", "social"])
def test_an_enhanced_event_without_metadata_is_written_without(domain: str) -> None:
    entry = next(entry for entry in TYPES if entry.domain == domain)

    written = adapters().named(f"{domain}-enhanced").write(Event.new(entry.label, entry.example))

    assert "metadata" not in written


def test_a_version_of_a_tradpal_type_has_the_name_of_the_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A version says its aliases itself, or none; the type is spelled by them all the same."""
    for shelf in ("_types", "_names", "_latest", "_streams"):
        monkeypatch.setattr(registry, shelf, dict(getattr(registry, shelf)))
    quote = registry.resolve("market_data_update")
    registry.register(dataclasses.replace(quote, version=2, aliases=()))

    event = Event.new(quote.name, quote.example)

    assert event.event_version == 2
    assert adapters().named("tradpal").write(event)["event_type"] == "market_data_update"


def test_every_format_has_types_and_every_type_a_format() -> None:
    assert {name for name, _ in PAIRS} == set(KEPT) == set(adapters().names)
    assert not any(set(entry.payload.model_fields) & ENVELOPE for entry in TYPES)


def test_a_pair_of_type_and_payload_is_an_event_too() -> None:
    event = adapt(["Gamification.LevelUp", registry.resolve("Gamification.LevelUp").example])

    assert event.event_type == "Gamification.LevelUp"


def test_a_legacy_time_without_a_zone_is_utc_and_seconds_are_understood() -> None:
    data = {"symbol": "STRK", "price": 1.25, "volume": 3.0}
    written = {"event_type": "market_data_update", "data": data, "timestamp": "2026-01-15T12:30:15"}

    assert adapt(written).occurred_at == AT.replace(microsecond=0)
    assert adapt({**written, "timestamp": 1_768_480_215}).occurred_at == AT.replace(microsecond=0)
    with pytest.raises(
        InvalidEvent, match="occurred_at: is 'noon'; write an instant with its zone"
    ):
        adapt({**written, "timestamp": "noon"})


@pytest.mark.parametrize("text", [False, True])
def test_a_number_beyond_the_calendar_is_milliseconds(text: bool) -> None:
    def of(timestamp: int) -> dict[str, Any]:
        written = (
            adapters().named("tradesense").write(said(registry.resolve("Gamification.LevelUp")))
        )
        return {**written, "timestamp": str(timestamp) if text else timestamp}

    assert adapt(of(1_768_480_215_250)).occurred_at == AT
    for far in (10**16, 10**400):
        with pytest.raises(InvalidEvent, match="occurred_at: is '?1000"):
            adapt(of(far))


def test_floats_of_tradpal_become_the_decimals_that_were_meant() -> None:
    market = {"symbol": "BTC/USDT", "price": 45000.1, "volume": 1234.56}
    signal = {"symbol": "BTC/USDT", "action": "BUY", "confidence": 0.85}

    quote = adapt({"event_type": "market_data_update", "data": market})
    advice = adapt({"event_type": "trading_signal", "data": signal})

    assert (quote.data["price"], quote.data["volume"]) == ("45000.1", "1234.56")
    assert (advice.data["action"], advice.data["confidence"]) == ("buy", 0.85)
    with pytest.raises(InvalidEvent, match="a float cannot hold it"):
        adapt({"event_type": "Market.DataUpdated", "data": market})


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("tradpal", {"event_type": "trading_signal", "data": ...}),
        ("emit-event", {"type": "trading_signal", "data": ...}),
        ("emit-event", ["trading_signal", ...]),
        ("tradesense", {"event_type": "Trading.SignalGenerated.v1", "payload": ...}),
    ],
)
def test_data_may_be_json_text(name: str, raw: Any) -> None:
    signal = {"symbol": "BTC", "action": "buy", "confidence": 0.5}

    def holding(text: str) -> Any:
        if isinstance(raw, list):
            return [raw[0], text]
        return {key: text if value is ... else value for key, value in raw.items()}

    told = holding(f" {json.dumps(signal)} ")
    assert adapters().choose(told, {}).name == name
    assert adapt(told).data == signal
    field = "payload" if name == "tradesense" else "data"
    for text, why in (
        ('{"symbol": ', "holds no JSON: "),
        ('{"symbol": "a", "symbol": "b"}', "holds no JSON: 'symbol' stands in one object twice"),
        ('{"confidence": NaN}', "holds no JSON: NaN is not a JSON number"),
    ):
        with pytest.raises(InvalidEvent, match=f"{field}: {why}"):
            adapt(holding(text))


def test_json_text_of_something_else_is_no_data() -> None:
    for text, what in (
        ("[1]", "a list"),
        ("null", "nothing"),
        ('"x"', "a text"),
        ("7", "a number"),
    ):
        with pytest.raises(InvalidEvent, match=f"data: is JSON text of {what}; send an object"):
            adapt({"type": "trading_signal", "data": text})
    with pytest.raises(UnknownFormat, match="is a list, but not of a type and a payload"):
        adapt(["trading_signal", "[1]"])


def test_floats_in_json_text_of_tradpal_become_decimals_too() -> None:
    text = '{"symbol": "BTC", "price": 45000.1}'

    event = adapt({"event_type": "market_data_update", "data": text})

    assert event.data["price"] == "45000.1"


def test_of_tradpal_only_what_is_wrong_is_told() -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({"event_type": "market_data_update", "data": {"price": 45000.1, "volume": -1.5}})

    assert {one.field for one in refused.value.problems} == {"data.symbol", "data.volume"}


def test_the_same_id_stays_the_same() -> None:
    event = said(registry.resolve("Trading.TradeExecuted"))

    assert adapt(event.to_dict()) == adapt(event.to_dict()) == event


def test_what_no_format_knows_is_refused_with_everything_that_was_tried() -> None:
    with pytest.raises(UnknownFormat) as refused:
        adapt({"event_type": "trade", "payload": {}})

    assert [name for name, _ in refused.value.tried] == list(adapters().names)
    text = str(refused.value)
    assert "not cloudevents: has no specversion and no type and no source and no id" in text
    assert "not tradesense: its event_type is not dotted with a version" in text


@pytest.mark.parametrize(
    "raw",
    [
        *(None, 7, "text", b"bytes", [], [1, 2], {}, True, [[]], {"a": {}}, {"payload": {}}),
        *(
            {"event_type": 7, "payload": {}},
            {"event_type": 7},
            {"event_type": 7, "data": 7, "x": 1},
        ),
    ],
)
def test_what_is_no_event_at_all_is_refused(raw: Any) -> None:
    with pytest.raises(UnknownFormat):
        adapt(raw)


def test_a_wrong_field_is_named_as_in_the_envelope() -> None:
    bad = {
        "event_type": "XPGainedEvent",
        "event_id": "7",
        "user_id": 7,
        "xp": -1,
        "source": "trade",
        "reason": "Traded",
    }

    with pytest.raises(InvalidEvent, match="event_id"):
        adapt(bad)
    with pytest.raises(InvalidEvent, match=r"data\.xp"):
        adapt({**bad, "event_id": str(CAUSE)})
    with pytest.raises(InvalidEvent, match="did you mean Gamification.XPGained"):
        adapt({**bad, "event_id": str(CAUSE), "event_type": "XPGainEvent"})


def test_two_adapters_of_one_name_are_refused_and_an_unknown_name_is_told() -> None:
    formats = AdapterRegistry([adapters().named("astra")])

    with pytest.raises(ConfigurationError, match="two adapters called 'astra'"):
        formats.register(adapters().named("astra"))
    with pytest.raises(ConfigurationError, match="there are astra"):
        formats.named("edifact")


def test_an_envelope_under_a_snake_name_keeps_all_it_says() -> None:
    """It looks like TradPal's, which would drop what it does not know."""
    entry = registry.resolve("trading_signal")
    said = Event.new(entry.name, entry.example, metadata={"synthetic": True})

    event = adapt({**said.to_dict(), "event_type": "trading_signal"})

    assert (event.synthetic, event.occurred_at) == (True, said.occurred_at)
    assert event.producer == said.producer
