"""CloudEvents, held against the official package both ways."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary_event,
    from_structured_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent

from events import Event, InvalidEvent, adapt
from events.adapters import adapt_body, adapters
from events.adapters.cloudevents import CloudEventsAdapter
from events.registry import EventType, registry

TYPES = registry.all()
CAUSE = UUID("01a1fc6f-fe6e-7234-bda3-6a9299b7972a")
BATCH = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}


def ours() -> CloudEventsAdapter:
    found = adapters().named("cloudevents")
    assert isinstance(found, CloudEventsAdapter)
    return found


def said(entry: EventType) -> Event:
    return Event.new(
        entry.label,
        entry.example,
        producer="Börse 7%@1",
        correlation_id=CAUSE,
        causation_id=CAUSE,
        metadata={"synthetic": True, "depth": 1},
    )


@pytest.mark.parametrize("entry", TYPES, ids=attrgetter("label"))
def test_the_official_package_reads_what_we_write(entry: EventType) -> None:
    event = said(entry)
    headers, body = ours().binary(event)
    structured = HTTPMessage(
        {"content-type": "application/cloudevents+json"}, json.dumps(ours().write(event)).encode()
    )

    for read in (from_structured_event(structured), from_binary_event(HTTPMessage(headers, body))):
        assert read.get_id() == str(event.event_id)
        assert read.get_source() == event.producer
        assert read.get_type() == entry.label
        assert read.get_subject() == event.entity_id
        assert read.get_time() == event.occurred_at
        assert read.get_extension("correlationid") == str(CAUSE)
        assert read.get_data() == event.data


@pytest.mark.parametrize("entry", TYPES, ids=attrgetter("label"))
def test_we_read_what_the_official_package_writes(entry: EventType) -> None:
    event = said(entry)
    written = ours().write(event)
    data = written.pop("data")
    theirs = CloudEvent({**written, "time": event.occurred_at}, data)
    structured, binary = to_structured_event(theirs), to_binary_event(theirs)

    assert adapt_body(structured.body, structured.headers) == [event]
    assert adapt_body(binary.body, binary.headers) == [event]


def test_our_own_binary_form_is_read_back() -> None:
    event = said(registry.resolve("Trading.TradeExecuted"))
    headers, body = ours().binary(event)

    assert adapt_body(body, headers) == [event]
    assert all(value.isascii() for value in headers.values())


def test_a_batch_is_read_whole_or_refused_with_the_place() -> None:
    events = [said(entry) for entry in TYPES]
    batch = [ours().write(event) for event in events]

    assert adapt_body(json.dumps(batch).encode(), BATCH) == events
    batch[3]["data"] = {}
    with pytest.raises(InvalidEvent, match=r"\[3\]\.data\."):
        adapt_body(json.dumps(batch).encode(), BATCH)
    with pytest.raises(InvalidEvent, match=r"\[1\]: has no specversion"):
        adapt_body(json.dumps([batch[0], {}]).encode(), BATCH)
    with pytest.raises(InvalidEvent, match="is no list"):
        adapt_body(b"{}", BATCH)
    assert adapt_body(b"[]", BATCH) == []


def test_what_another_system_calls_its_event_becomes_the_same_id_each_time() -> None:
    foreign = {
        "specversion": "1.0",
        "id": "A234-1234",
        "source": "/desks/lagos",
        "type": "com.example.desk.Trading.TradeExecuted",
        "data": registry.resolve("Trading.TradeExecuted").example,
        "partitionkey": "7",
    }

    first, again = adapt(foreign), adapt(foreign)

    assert first.event_id == again.event_id
    assert adapt({**foreign, "source": "/desks/accra"}).event_id != first.event_id
    assert (first.event_type, first.producer) == ("Trading.TradeExecuted", "/desks/lagos")
    assert first.metadata == {"cloudevents": {"partitionkey": "7"}}
    assert ours().write(first)["partitionkey"] == "7"


GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "desk",
    "type": "Trading.TradeExecuted",
    "data": {"user_id": 7, "symbol": "STRK", "value": "1.00"},
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"data_base64": "AAAA"}, "data_base64"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"source": None}, "source"),
        ({"type": []}, "type"),
        ({"type": "com.example.Nothing"}, "event_type"),
        ({"time": "noon"}, "occurred_at"),
        ({"data": "text"}, "data"),
        ({"data": None}, "data"),
        ({"correlationid": "x"}, "correlation_id"),
        ({"astrametadata": "{"}, "astrametadata"),
        ({"astrametadata": "[1]"}, "astrametadata"),
        ({"subject": ""}, "entity_id"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({**GOOD, **change})

    assert refused.value.problems[0].field == field


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.desk+json"])
def test_json_by_another_name_is_json(kind: str) -> None:
    assert adapt({**GOOD, "datacontenttype": kind}).data["user_id"] == 7
