"""``manage.py publish``."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events.adapters import MAX_BODY_BYTES
from events.envelope import new_event_id
from events.models import StoredEvent
from tests.bus_fixture import Bus
from tests.events.management.commanding import Ran, run

Publish = Callable[..., Ran]


def line(**changes: Any) -> str:
    data = {"user_id": 123, "symbol": "STRK", "value": "1500.00"}
    return json.dumps({"event_type": "Trading.TradeExecuted", "data": data, **changes})


@pytest.fixture
def publish(bus: Bus, tmp_path: Path) -> Publish:
    """Publish a file of these lines."""

    def make(*lines: str | bytes, options: tuple[str, ...] = ()) -> Ran:
        file = tmp_path / "events.ndjson"
        raw = [each if isinstance(each, bytes) else each.encode() for each in lines]
        file.write_bytes(b"".join(each + b"\n" for each in raw))
        return run("publish", "--file", str(file), *options)

    return make


def stored() -> list[UUID]:
    return list(StoredEvent.objects.order_by("seq").values_list("event_id", flat=True))


def test_every_line_becomes_an_event(publish: Publish, bus: Bus) -> None:
    ran = publish(line(), line(data={"user_id": 7, "symbol": "BTC", "value": "1"}))

    assert ran.status == 0
    assert ran.out.endswith("\n2 published, 0 already known, 0 refused.\n")
    assert [event.entity_id for event in bus.events()] == ["123", "7"]
    assert StoredEvent.objects.filter(relayed_at=None).count() == 0


def test_an_accepted_line_is_told_with_its_event_and_its_chain(publish: Publish) -> None:
    event_id, chain = str(new_event_id()), str(new_event_id())

    ran = publish("", line(event_id=event_id, correlation_id=chain))

    assert ran.out.splitlines()[0] == f"line 2: {event_id}, chain {chain}"


def test_lines_are_counted_as_refused_and_not_their_problems(publish: Publish) -> None:
    bad = line(data={"user_id": 0, "symbol": "S", "value": 1.5})

    ran = publish(bad, bad, "{")
    report = publish(bad, bad, "{", options=("--json",)).json

    assert "0 published, 0 already known, 3 refused." in ran.out
    assert [ran.out.count(f"line {number}: ") for number in (1, 2, 3)] == [2, 2, 1]
    assert (report["refused_lines"], len(report["refused"])) == (3, 5)


def test_a_line_keeps_the_id_it_carries(publish: Publish) -> None:
    event_id = new_event_id()

    publish(line(event_id=str(event_id)))

    assert stored() == [event_id]


def test_a_line_without_an_id_is_a_new_event_every_time(publish: Publish) -> None:
    publish(line())
    publish(line())

    assert len(set(stored())) == 2


def test_a_known_id_is_reported_and_ignored(publish: Publish) -> None:
    event_id = str(new_event_id())
    publish(line(event_id=event_id))

    ran = publish(line(event_id=event_id), line())

    assert ran.status == 0
    assert f"line 1: {event_id} is already known, ignored" in ran.out
    assert "1 published, 1 already known, 0 refused." in ran.out
    assert len(stored()) == 2


def test_an_id_twice_in_one_file_is_published_once(publish: Publish) -> None:
    event_id = str(new_event_id())

    ran = publish(line(event_id=event_id), line(event_id=event_id))

    assert f"line 2: {event_id} is already known, ignored" in ran.out
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "line 2: line: is not JSON"),
        ("[1, 2]", "line 2: event: is of no known format (not cloudevents: is a list, not an obj"),
        ('"text"', "line 2: event: is of no known format (not cloudevents: is a text, not an obj"),
        (line(data={"user_id": 1, "symbol": "S"}), "line 2: data.value: Field required"),
        (line(event_type="Trading.TradeExecutd"), "line 2: event_type: 'Trading.TradeExecutd' is"),
        (line(event_id="no-uuid"), "line 2: event_id: "),
        (line(surprise=1), "not astra: has surprise, which is no field of the envelope"),
        (
            line().replace('"symbol"', '"value": "1.00", "symbol"'),
            "line 2: line: is not JSON: 'value' stands in one object twice",
        ),
        (line().replace('"1500.00"', "NaN"), "line 2: line: is not JSON: NaN is not a JSON number"),
        (line().replace('"1500.00"', "-Infinity"), "is not JSON: -Infinity is not a JSON number"),
        (line().replace('"1500.00"', "1e999"), "line 2: data.value: "),
        (line().replace("123", "9" * 5_000), "line 2: line: is not JSON: "),
        ("[" * 100_000, "line 2: line: is not JSON: is nested too deeply"),
        ('{"a":' * 50_000, "line 2: line: is not JSON: is nested too deeply"),
        (line(metadata={"deep": json.loads("[" * 50 + "]" * 50)}), "line 2: metadata: is nested"),
        ("x" * (MAX_BODY_BYTES + 1), "line 2: line: has 8,388,609 characters, at most 8,388,608"),
        (
            line(metadata={"x": "SNOW"}).replace("SNOW", "☃" * 100_000),
            "bytes, at most 262,144 are carried",
        ),
        (b"\xff\xfe\x00", "line 2: line: is not JSON"),
        (line().encode().replace(b"STRK", b"\xff\xfe"), "line 2: data.symbol: "),
        (line().encode().replace(b"symbol", b"s\xff"), "line 2: data: "),
    ],
    ids=[
        *("no JSON", "a list", "a text", "a field is missing", "unknown type", "no uuid"),
        *(
            "unknown field",
            "a key twice",
            "NaN",
            "infinity",
            "too large a float",
            "too many digits",
        ),
        *("nested lists", "nested objects", "nested metadata", "too long", "too many bytes"),
        *("not UTF-8", "a value not UTF-8", "a key not UTF-8"),
    ],
)
def test_a_bad_line_is_reported_and_does_not_stop_the_others(
    publish: Publish, bad: str | bytes, reason: str
) -> None:
    ran = publish(line(), bad, line())

    assert ran.status == 1
    assert reason in ran.out
    assert "2 published, 0 already known, 1 refused." in ran.out
    assert len(stored()) == 2


def test_every_wrong_field_of_a_line_has_its_reason(publish: Publish) -> None:
    ran = publish(line(data={"user_id": 0, "symbol": "S", "value": 1.5}))

    assert "line 1: data.user_id: " in ran.out
    assert "line 1: data.value: " in ran.out


def test_empty_lines_are_passed_over_but_counted(publish: Publish) -> None:
    ran = publish("", "  ", line(), "", "{")

    assert "1 published" in ran.out
    assert "line 5: line: is not JSON" in ran.out


def test_an_empty_file_publishes_nothing(publish: Publish) -> None:
    assert publish().out == "0 published, 0 already known, 0 refused.\n"


def test_the_report_as_json_is_nothing_but_json(publish: Publish) -> None:
    event_id = str(new_event_id())

    ran = publish(line(event_id=event_id), line(event_id=event_id), "{", options=("--json",))

    assert ran.status == 1
    assert ran.json["published"] == 1
    (accepted,) = ran.json["accepted"]
    assert (accepted["line"], accepted["event_id"]) == (1, event_id)
    assert UUID(accepted["correlation_id"])
    assert ran.json["duplicates"] == [f"line 2: {event_id}"]
    assert ran.json["refused"][0].startswith("line 3: line: is not JSON")


def test_a_file_that_is_not_there_is_one_sentence(bus: Bus, tmp_path: Path) -> None:
    ran = run("publish", "--file", str(tmp_path / "nothing.ndjson"))

    assert ran.status == 1
    assert ran.out == f"{tmp_path}/nothing.ndjson cannot be read: No such file or directory"


def test_a_folder_is_no_file(bus: Bus, tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in run("publish", "--file", str(tmp_path)).out


def test_a_dash_reads_standard_input(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, line().encode() + b"\n" + line().encode())

    assert "2 published, 0 already known, 0 refused.\n" in run("publish", "--file", "-").out


def test_standard_input_that_is_not_utf_8_is_a_bad_line_too(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, line().encode() + b"\n\xff\xfe\n" + line().encode())

    ran = run("publish", "--file", "-")

    assert ran.status == 1
    assert "line 2: line: is not JSON" in ran.out
    assert len(stored()) == 2


def test_publishing_is_accepted_while_the_bus_is_down(publish: Publish, bus: Bus) -> None:
    bus.memory.down = "test"

    ran = publish(line())

    assert (ran.status, len(stored())) == (0, 1)


def given(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    """Standard input as Python opens it where the locale is UTF-8."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
