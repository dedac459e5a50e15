"""``manage.py publish``: files in the formats of others."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from events import Event
from events.adapters import MAX_BODY_BYTES, adapters
from events.management import event_file
from tests.bus_fixture import Bus
from tests.events.management.commanding import Ran, run

Publish = Callable[..., Ran]

TRADE = {"user_id": 123, "symbol": "STRK", "value": "1500.00"}
TYPES = {
    "astra": "Trading.TradeExecuted",
    "cloudevents": "Trading.TradeExecuted",
    "tradesense": "Trading.TradeExecuted",
    "trading-enhanced": "Trading.TradeExecuted",
    "social-enhanced": "Social.SocialProfileCreated",
    "tradpal": "Trading.SignalGenerated",
    "astratrade-legacy": "Gamification.XPGained",
}
"""A type that each format has a word for and whose id it carries."""

DATA: dict[str, dict[str, Any]] = {
    "Trading.TradeExecuted": TRADE,
    "Social.SocialProfileCreated": {"user_id": 7, "display_name": "Ada"},
    "Trading.SignalGenerated": {"symbol": "BTC", "action": "buy", "confidence": 0.5},
    "Gamification.XPGained": {"user_id": 7, "xp": 15, "source": "trade", "reason": "Traded"},
}


@pytest.fixture
def publish(bus: Bus, tmp_path: Path) -> Publish:
    """Publish a file that holds this text."""

    def make(text: str, *options: str) -> Ran:
        file = tmp_path / "events.ndjson"
        file.write_text(text)
        return run("publish", "--file", str(file), *options)

    return make


def written(name: str) -> tuple[Event, Any]:
    """An event, and the same as a format has it."""
    event = Event.new(TYPES[name], DATA[TYPES[name]])
    return event, adapters().named(name).write(event)


def test_a_line_may_be_of_any_format(publish: Publish, bus: Bus) -> None:
    pairs = [written(name) for name in TYPES]
    simple = [{"type": "Trading.TradeExecuted", "data": TRADE}, ["trading_signal", json.dumps(
        DATA["Trading.SignalGenerated"]
    )]]  # fmt: skip

    ran = publish("\n".join(json.dumps(raw) for raw in [*(raw for _, raw in pairs), *simple]))

    assert ran.status == 0, ran.out
    assert ran.out.endswith("9 published, 0 already known, 0 refused.\n")
    stored = bus.events()
    assert [event.event_id for event in stored[:7]] == [event.event_id for event, _ in pairs]
    assert [event.event_type for event in stored] == [
        *TYPES.values(),
        "Trading.TradeExecuted",
        "Trading.SignalGenerated",
    ]


def test_a_webhook_of_the_settings_is_read_from_a_file_too(
    publish: Publish, bus: Bus, settings: Settings
) -> None:
    mapping = {
        "type": "Trading.TradeExecuted",
        "when": {"kind": "fill"},
        "data": {"user_id": "u", "symbol": "s", "value": "v"},
    }
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"broker": mapping}}

    ran = publish('{"kind": "fill", "u": 7, "s": "STRK", "v": "1.00"}')

    assert ran.status == 0, ran.out
    assert [event.producer for event in bus.events()] == ["broker"]


def test_a_mapping_that_cannot_work_is_one_sentence(publish: Publish, settings: Settings) -> None:
    settings.ASTRA = {**settings.ASTRA, "webhooks": {"broker": {}}}

    ran = publish("{}")

    assert ran.status == 1
    assert ran.out.startswith("ASTRA[\"webhooks\"]['broker']: ")


def test_a_line_of_no_format_is_told_with_everything_that_was_tried(publish: Publish) -> None:
    ran = publish('\n{"trade": 1}\n')

    assert ran.status == 1
    assert "line 2: event: is of no known format (not cloudevents: has no specversion" in ran.out
    assert all(f"not {name}: " in ran.out for name in adapters().names)


def test_an_old_payload_without_a_version_is_published_in_its_own(
    publish: Publish, bus: Bus
) -> None:
    paid = {"payment_id": "p-1", "user_id": 7, "amount": "29.00", "purpose": "purchase"}

    publish(json.dumps({"event_type": "Financial.PaymentCompleted", "data": paid}))

    assert [event.event_version for event in bus.events()] == [1]


def test_a_line_may_hold_several(publish: Publish, bus: Bus) -> None:
    (one, first), (two, second) = written("tradesense"), written("tradpal")
    pair = ["Trading.TradeExecuted", TRADE]

    report = publish(json.dumps([first, second, pair, first]) + "\n", "--json").json

    assert (report["published"], report["refused_lines"]) == (3, 0)
    assert report["duplicates"] == [f"line 1: {one.event_id}"]
    ids = [str(event.event_id) for event in bus.events()]
    assert [told["event_id"] for told in report["accepted"]] == ids
    assert ids[:2] == [str(one.event_id), str(two.event_id)]
    assert [told["correlation_id"] for told in report["accepted"]] == ids


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (
            {"event_type": "Trading.TradeExecuted", "data": {}},
            "line 1, event 2 of 2: data.user_id: Field",
        ),
        ({"trade": 1}, "line 1, event 2 of 2: is of no known format (not cloudevents: "),
        (7, "line 1, event 2 of 2: is of no known format (not cloudevents: is a number, not an "),
    ],
)
def test_of_several_all_or_none_is_published(
    publish: Publish, bus: Bus, bad: Any, told: str
) -> None:
    good = written("tradesense")[1]

    ran = publish(json.dumps([good, bad]) + "\n" + json.dumps(good))

    assert ran.status == 1
    assert told in ran.out
    assert "line 1: none of its 2 events is published\n" in ran.out
    assert "1 published, 0 already known, 2 refused." in ran.out
    assert len(bus.events()) == 1


def test_of_a_list_every_event_is_counted_as_refused(publish: Publish, bus: Bus) -> None:
    good = written("tradesense")[1]

    report = publish(json.dumps([good, {}, good, {}]) + "\n" + json.dumps([{}]), "--json").json

    assert (report["refused_lines"], report["refused_events"]) == (2, 5)
    assert [reason.partition(": is of no")[0] for reason in report["refused"]] == [
        "line 1, event 2 of 4",
        "line 1: none of its 4 events is published",
        "line 2, event 1 of 1",
    ]


@pytest.mark.parametrize("indent", [2, 0])
@pytest.mark.parametrize("before", ["", "\n\n"])
def test_a_file_may_be_one_document(publish: Publish, bus: Bus, indent: int, before: str) -> None:
    (one, first), (two, second) = written("cloudevents"), written("astra")

    ran = publish(before + json.dumps([first, second], indent=indent) + "\n", "--json")
    ran_alone = publish(json.dumps(written("astra")[1], indent=indent))

    assert (ran.status, ran_alone.status) == (0, 0), ran.out
    assert [told["line"] for told in ran.json["accepted"]] == [len(before) + 1] * 2
    assert [event.event_id for event in bus.events()[:2]] == [one.event_id, two.event_id]
    assert len(bus.events()) == 3


def test_a_document_may_begin_beside_its_bracket(publish: Publish, bus: Bus) -> None:
    assert (
        publish('{"type": "Trading.TradeExecuted",\n"data":\n' + json.dumps(TRADE) + "}").status
        == 0
    )
    assert len(bus.events()) == 1


def test_a_document_that_is_none_is_told_once_and_with_the_line(publish: Publish, bus: Bus) -> None:
    good = json.dumps(written("astra")[1])

    ran = publish(f"\n[\n{good}\n{good}\n]\n")

    assert ran.status == 1
    assert "line 2: document: is not JSON: Expecting ',' delimiter: line 4 column 1" in ran.out
    assert "0 published, 0 already known, 1 refused." in ran.out
    assert bus.events() == []


def test_a_document_that_is_too_long_is_told(publish: Publish, bus: Bus) -> None:
    ran = publish("[\n" + " " * MAX_BODY_BYTES + "\n]")

    assert "line 1: document: has 8,388,611 characters, at most 8,388,608 are read" in ran.out


def test_a_bad_first_line_does_not_stop_the_others(publish: Publish, bus: Bus) -> None:
    good = json.dumps(written("astra")[1])

    ran = publish(f'{{"event_type": \n\n{good}\n')

    assert "line 1: line: is not JSON" in ran.out
    assert "1 published, 0 already known, 1 refused." in ran.out
    assert "line 3: " in ran.out


def test_a_document_is_read_from_standard_input_too(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = json.dumps([written("tradpal")[1]], indent=2).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))

    assert "1 published" in run("publish", "--file", "-").out


def test_of_a_list_that_is_too_long_nothing_is_published(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last lines look like events of their own."""
    monkeypatch.setattr(event_file, "MAX_BODY_BYTES", 500)
    event = json.dumps({"event_type": "Trading.TradeExecuted", "data": TRADE})
    file = tmp_path / "events.json"
    file.write_text("[\n" + f"{event},\n" * 10 + f"{event}\n]\n")

    ran = run("publish", "--file", str(file))

    assert "line 1: document: has" in ran.out
    assert "0 published, 0 already known, 1 refused" in ran.out
    assert bus.events() == []
