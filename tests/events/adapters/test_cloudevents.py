"""CloudEvents, held against the official package both ways."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary_event,
    from_structured_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent
from msgspec.structs import replace

from events import Event, InvalidEvent, UnknownFormat, adapt
from events.adapters import adapt_body, adapters
from events.adapters.cloudevents import CloudEventsAdapter
from events.errors import InvalidInList
from events.registry import EventType, registry

TYPES = registry.all()
AT = "2026-01-15T12:30:15+00:00"
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
    assert headers["content-type"] == "application/json"
    del headers["content-type"]
    assert adapt_body(body, headers) == [event]
    assert all(value.isascii() for value in headers.values())


def test_a_batch_is_read_whole_or_refused_with_the_place() -> None:
    events = [said(entry) for entry in TYPES]
    batch = [ours().write(event) for event in events]

    assert adapt_body(json.dumps(batch).encode(), BATCH) == events
    batch[3]["data"] = {}
    with pytest.raises(
        InvalidInList, match=r"^number 4 of \d+: .*; none of them is taken$"
    ) as wrong:
        adapt_body(json.dumps(batch).encode(), BATCH)
    assert all(problem.field.startswith("[3].data.") for problem in wrong.value.problems)
    with pytest.raises(InvalidEvent, match="number 2 of 2: event: event: has no specversion"):
        adapt_body(json.dumps([batch[0], {}]).encode(), BATCH)
    with pytest.raises(InvalidEvent, match="is no list"):
        adapt_body(b"{}", BATCH)
    assert adapt_body(b"[]", BATCH) == []


@pytest.mark.parametrize(
    "content_type",
    ["Application/CloudEvents-Batch+JSON; charset=utf-8", "application/cloudevents-batch+json"],
)
def test_a_batch_is_told_by_its_content_type_in_any_case(content_type: str) -> None:
    event = said(TYPES[0])
    body = json.dumps([ours().write(event)]).encode()

    assert adapt_body(body, {"content-type": content_type}) == [event]


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
    assert "astrametadata" not in ours().write(first)
    assert ours().write(first)["partitionkey"] == "7"


def test_a_null_attribute_is_absent() -> None:
    """As the JSON event format has it: unset attributes may be written as null."""
    unset = ("time", "subject", "datacontenttype", "dataschema", "correlationid", "causationid")
    nothing = dict.fromkeys((*unset, "astrametadata", "data_base64", "partitionkey"))

    assert adapt({**desk("A-1"), **nothing, "time": AT}) == adapt(desk("A-1", time=AT))
    with pytest.raises(InvalidEvent, match="specversion: is missing; 1.0 is understood"):
        adapt(desk("A-1", specversion=None))
    with pytest.raises(InvalidEvent, match="id: must be a text of at least one character"):
        adapt({**desk("A-1"), "id": None})


def test_the_schema_that_data_adhere_to_is_kept_and_written_again() -> None:
    event = adapt(desk("A-1", dataschema="https://desks.example/trade/2"))
    headers, body = ours().binary(event)

    assert event.metadata == {"cloudevents": {"dataschema": "https://desks.example/trade/2"}}
    assert ours().write(event)["dataschema"] == "https://desks.example/trade/2"
    assert headers["ce-dataschema"] == "https://desks.example/trade/2"
    assert adapt(ours().write(event)) == event
    assert adapt_body(body, headers) == [event]


@pytest.mark.parametrize(
    "content_type", ["Application/CloudEvents+JSON", "application/cloudevents"]
)
def test_structured_is_told_by_its_content_type_though_headers_repeat_it(content_type: str) -> None:
    event = said(registry.resolve("Trading.TradeExecuted"))
    headers, _ = ours().binary(event)
    body = json.dumps(ours().write(event)).encode()

    assert adapt_body(body, {**headers, "content-type": content_type}) == [event]


def test_flags_and_numbers_are_written_into_headers_as_the_specification_spells_them() -> None:
    event = adapt(desk("A-1", sampled=True, hidden=False, sequence=7, origin="a b"))

    headers, body = ours().binary(event)

    assert (headers["ce-sampled"], headers["ce-hidden"]) == ("true", "false")
    assert (headers["ce-sequence"], headers["ce-origin"]) == ("7", "a%20b")
    assert ours().write(event)["sampled"] is True
    kept = adapt_body(body, headers)[0].metadata["cloudevents"]
    assert kept == {"sampled": "true", "hidden": "false", "sequence": "7", "origin": "a b"}


def test_of_printable_ascii_space_quote_and_percent_alone_are_encoded_in_headers() -> None:
    """Whoever reads headers reads `source` in them: it stands there as it is."""
    printable = "".join(map(chr, range(0x21, 0x7F)))
    event = adapt(desk("A-1", source=printable, subject="a b\u00e9"))

    headers, _ = ours().binary(event)

    assert headers["ce-source"] == printable.replace("%", "%25").replace('"', "%22")
    assert headers["ce-subject"] == "a%20b%C3%A9"


def test_a_field_of_both_kinds_of_metadata_is_kept_from_both() -> None:
    both = desk("A-1", partitionkey="7", astrametadata='{"cloudevents": {"Odd": 1}, "depth": 2}')

    event = adapt(both)

    assert event.metadata == {"cloudevents": {"Odd": 1, "partitionkey": "7"}, "depth": 2}
    assert json.loads(ours().write(event)["astrametadata"]) == {"depth": 2}
    with pytest.raises(InvalidEvent, match=r"metadata\.cloudevents: must be an object"):
        adapt({**both, "astrametadata": '{"cloudevents": 7}'})


def desk(id_: str, **more: Any) -> dict[str, Any]:
    """A trade as a system says it whose ids are no UUIDs."""
    return {**GOOD, "id": id_, "source": "/desks/lagos", **more}


def test_a_chain_of_another_system_is_a_chain_here() -> None:
    first = adapt(desk("A-1"))
    second = adapt(desk("A-2", correlationid="A-1", causationid="A-1"))
    third = adapt(desk("A-3", correlationid="A-1", causationid="A-2"))

    assert first.correlation_id == first.event_id
    assert second.correlation_id == third.correlation_id == first.event_id
    assert (second.causation_id, third.causation_id) == (first.event_id, second.event_id)
    assert first.event_id == uuid5(NAMESPACE_URL, "/desks/lagos\nA-1")


def test_a_correlation_that_is_no_uuid_is_one_of_its_source() -> None:
    """Or the first event of a chain, whose id the others name, would not be in it."""
    checkout = {"correlationid": "checkout 42"}
    one, two = adapt(desk("A-1", **checkout)), adapt(desk("A-2", **checkout))

    assert one.correlation_id == two.correlation_id
    assert adapt(desk("A-1", correlationid="checkout 43")).correlation_id != one.correlation_id
    elsewhere = adapt(desk("A-1", source="/desks/accra", **checkout))
    assert elsewhere.correlation_id != one.correlation_id
    shared = {"correlationid": str(CAUSE)}
    accra = adapt(desk("A-1", source="/desks/accra", **shared))
    assert accra.correlation_id == adapt(desk("A-1", **shared)).correlation_id == CAUSE


def test_what_another_system_calls_a_chain_is_kept_and_written_again() -> None:
    event = adapt(desk("A-2", correlationid="checkout 42", causationid="A-1"))

    written = ours().write(event)
    headers, body = ours().binary(event)

    assert event.metadata == {"cloudevents": {"correlationid": "checkout 42", "causationid": "A-1"}}
    assert (written["correlationid"], written["causationid"]) == ("checkout 42", "A-1")
    assert headers["ce-correlationid"] == "checkout%2042"
    assert adapt(written) == event
    assert adapt_body(body, headers) == [event]


def test_a_link_that_was_changed_since_is_written_as_it_is_now() -> None:
    event = adapt(desk("A-2", correlationid="checkout 42", causationid="A-1"))
    moved = Event.new(
        event.event_type,
        event.data,
        producer=event.producer,
        correlation_id=CAUSE,
        metadata=event.metadata,
    )

    written = ours().write(moved)

    assert written["correlationid"] == str(CAUSE)
    assert "causationid" not in written


def test_a_link_that_is_no_text_is_not_taken_for_what_was_sent() -> None:
    event = adapt(desk("A-2", correlationid="7"))
    odd = replace(event, metadata={"cloudevents": {"correlationid": 7}})

    assert ours().write(odd)["correlationid"] == str(event.correlation_id)


@pytest.mark.parametrize("name", ["specversion", "type", "source", "id"])
def test_without_one_of_its_four_names_it_is_no_cloudevent(name: str) -> None:
    raw = {field: value for field, value in GOOD.items() if field != name}

    with pytest.raises(UnknownFormat, match=f"not cloudevents: has no {name};"):
        adapt(raw)


def test_another_version_of_the_specification_is_told() -> None:
    with pytest.raises(InvalidEvent, match=r"^event: specversion: is '0.3'; 1.0 is understood$"):
        adapt({**GOOD, "specversion": "0.3"})


@pytest.mark.parametrize("name", ["id", "correlationid", "causationid", "source"])
def test_half_a_surrogate_pair_in_an_id_is_no_error_of_ours(name: str) -> None:
    raw = json.loads(json.dumps({**GOOD, "id": "A-1", name: "\ud800"}))

    if name == "id":
        assert adapt(raw).event_id == adapt(raw).event_id
    else:
        with pytest.raises(InvalidEvent):
            adapt(raw)


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
        ({"specversion": 1.0}, "specversion"),
        ({"dataschema": ""}, "dataschema"),
        ({"dataschema": 7}, "dataschema"),
        ({"datacontenttype": 7}, "datacontenttype"),
        ({"datacontenttype": "json"}, "datacontenttype"),
        ({"datacontenttype": "application/jsonp"}, "datacontenttype"),
        ({"data_base64": "AAAA"}, "data_base64"),
        ({"data_base64": "e30=", "data": {}}, "data_base64"),
        ({"data_base64": "e3", "data": None}, "data_base64"),
        ({"data_base64": "é", "data": None}, "data_base64"),
        ({"data_base64": "e!30=", "data": None}, "data_base64"),
        ({"data_base64": 7, "data": None}, "data_base64"),
        ({"data_base64": "W10=", "data": None}, "data_base64"),
        ({"data_base64": "eyJhIjogMSwgImEiOiAyfQ==", "data": None}, "data_base64"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"source": None}, "source"),
        ({"type": []}, "type"),
        ({"type": "com.example.Nothing"}, "event_type"),
        ({"time": "noon"}, "occurred_at"),
        ({"data": "text"}, "data"),
        ({"data": None}, "data"),
        ({"correlationid": ""}, "correlationid"),
        ({"correlationid": 7}, "correlationid"),
        ({"causationid": ""}, "causationid"),
        ({"causationid": ["x"]}, "causationid"),
        ({"astrametadata": "{"}, "astrametadata"),
        ({"astrametadata": "[1]"}, "astrametadata"),
        ({"astrametadata": '{"a": 1, "a": 2}'}, "astrametadata"),
        ({"subject": ""}, "entity_id"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({**GOOD, **change})

    assert refused.value.problems[0].field == field


def test_data_in_base64_are_read_as_the_json_they_are() -> None:
    event = said(registry.resolve("Trading.TradeExecuted"))
    written = ours().write(event)
    data = json.dumps(written.pop("data")).encode()
    theirs = CloudEvent({**written, "time": event.occurred_at}, data)
    structured = to_structured_event(theirs)

    assert b"data_base64" in structured.body
    assert adapt_body(structured.body, structured.headers) == [event]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Euro%20%E2%82%AC", "Euro €"),
        ('"Euro %E2%82%AC"', "Euro €"),
        ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ('a" b"', "a b"),
        ("a%2520b", "a%20b"),
        ("%22a%22", '"a"'),
        ("100%", "100%"),
        ("a\\b", "a\\b"),
    ],
)
def test_a_header_is_taken_out_of_its_quotes_and_decoded_once(sent: str, meant: str) -> None:
    headers = {
        "Content-Type": "application/json",
        "CE-SpecVersion": '"1.0"',
        "ce-id": "A-1",
        "ce-source": sent,
        "ce-subject": sent,
        "ce-type": '"Trading.TradeExecuted"',
        "ce-comexampleorigin": sent,
    }

    (event,) = adapt_body(json.dumps(GOOD["data"]).encode(), headers)

    assert (event.producer, event.entity_id) == (meant, meant)
    assert event.metadata == {"cloudevents": {"comexampleorigin": meant}}


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ('"open', "ce-subject: has a double quote that is not closed"),
        ('a\\"', "ce-subject: has a double quote that is not closed"),
        ('"a\\"', "ce-subject: has a double quote that is not closed"),
        ("%FF", "ce-subject: is percent-encoded, but not as UTF-8"),
    ],
)
def test_a_header_that_cannot_be_decoded_is_named(sent: str, told: str) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": GOOD["type"]}

    with pytest.raises(InvalidEvent, match=told):
        adapt(GOOD["data"], {**headers, "ce-subject": sent})


def test_in_binary_mode_the_content_type_tells_of_the_data() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": GOOD["type"]}

    with pytest.raises(InvalidEvent, match="datacontenttype: is 'text/xml'; only JSON"):
        adapt_body(json.dumps(GOOD["data"]).encode(), {**headers, "Content-Type": "text/xml"})


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf-8",
        "application/vnd.desk+json",
        "APPLICATION/JSON ;Charset=UTF-8",
        "Application/Vnd.Desk+JSON",
        "text/json",
    ],
)
def test_json_by_another_name_is_json(kind: str) -> None:
    assert adapt({**GOOD, "datacontenttype": kind}).data["user_id"] == 7


def test_what_cannot_be_an_extension_is_not_written() -> None:
    kept = {"Bad-Name\r\nX": "1", "specversion": "0.3", "subject": "999", "gone": None, "ok": "yes"}
    example = registry.resolve("Trading.TradeExecuted").example
    event = Event.new("Trading.TradeExecuted", example, metadata={"cloudevents": kept})

    told = CloudEventsAdapter().write(event)

    assert (told["specversion"], told["subject"], told["ok"]) == ("1.0", event.entity_id, "yes")
    assert not {"Bad-Name\r\nX", "gone"} & told.keys()


def test_a_type_of_a_thousand_parts_is_refused_at_once() -> None:
    name = "a." * 100_000 + "B"

    with pytest.raises(InvalidEvent, match="event_type"):
        adapt({"specversion": "1.0", "id": "1", "source": "s", "type": name, "data": {}})
