from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.envelope import new_event_id, stream_name
from tests.events.conftest import trade


def test_a_root_event_carries_its_own_id_as_correlation() -> None:
    event = trade()

    assert event.correlation_id == event.event_id
    assert event.causation_id is None
    assert event.depth == 0


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_event_id() for _ in range(100)]

    assert ids == sorted(ids)
    assert {event_id.version for event_id in ids} == {7}


def test_what_an_event_causes_continues_its_chain() -> None:
    parent = trade(metadata={"synthetic": True, "note": "stays behind"})

    child = parent.caused("Gamification.XPGained", {"user_id": 123, "xp": 15, "source": "trade",
                                                    "reason": "x"}, producer="xp@1")  # fmt: skip

    assert child.correlation_id == parent.correlation_id
    assert child.causation_id == parent.event_id
    assert child.producer == "xp@1"
    assert child.metadata == {"synthetic": True, "depth": 1}


def test_an_event_survives_its_wire_form_unchanged() -> None:
    event = trade(metadata={"ünïcode": ["☃", None, 1.5]})

    assert Event.from_json(event.to_json()) == event
    assert json.loads(event.to_json()) == event.to_dict()


def test_money_and_times_become_strings_on_the_wire() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    event = trade(value=Decimal("1500.00"), occurred_at=at)  # type: ignore[arg-type]

    assert event.data["value"] == "1500.00"
    assert event.to_dict()["occurred_at"] == "2026-01-02T03:04:05.678901Z"


def test_a_time_of_another_zone_means_the_same_instant_after_the_wire() -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=5)))

    event = Event.from_json(trade(occurred_at=at).to_json())

    assert event.occurred_at == at
    assert event.occurred_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "event"),
        (b"\xff\xfe", "event"),
        (b"[]", "event"),
        (b'{"event_id": "no"}', "event_id"),
        (b"[" * 100_000, "event"),
        (b'{"event_id": 5}', "event_id"),
    ],
)
def test_bytes_that_are_no_event_are_refused_by_field(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        Event.from_json(raw)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert refused.value.problems[0].reason


def test_streams_are_named_after_domain_event_and_version() -> None:
    assert stream_name("Trading.TradeExecuted", 1) == "astra.trading.tradeexecuted.v1"
    assert stream_name("Trading.Position.Opened", 2) == "astra.trading.positionopened.v2"
