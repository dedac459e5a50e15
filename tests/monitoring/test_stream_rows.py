"""Streams in one order: rates, who is furthest behind, and for how long there is room."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from events.queries.snapshot import Snapshot, StreamState
from events.transport.base import StreamGroup, StreamInfo
from monitoring import samples, stream_rows
from tests.monitoring.snapshots import snapshot

STREAM, GROUP = "astra.trading.tradeexecuted.v1", "revenue_trackers"

pytestmark = pytest.mark.django_db


def standing(name: str, lag: int | None, pending: int = 0, added: int = 5_000) -> StreamState:
    """A stream on which one group stands so."""
    place = StreamGroup(GROUP, 1, pending, "1-0", None, lag)
    info = StreamInfo(name, 5_000, "1-0", "2-0", added, (place,))
    return StreamState(name, "trading", "Trading.TradeExecuted", info)


def seen(*streams: StreamState) -> Snapshot:
    """Such streams now, with a cap of 100 000 entries for a group."""
    return snapshot(streams=streams, at=timezone.now(), backlog_cap=100_000)


def measured(now: Snapshot, unfinished: dict[str, int], seconds: float = 100.0) -> None:
    """So much was unfinished by stream `seconds` ago, when nothing had been added yet."""
    by_place: dict[str, int | None] = {f"{name} {GROUP}": n for name, n in unfinished.items()}
    values = msgspec.structs.replace(
        samples.values_of(now), unfinished=by_place, streams=dict.fromkeys(unfinished, 0)
    )
    samples.record(now.at - timedelta(seconds=seconds), values, 0)


def test_the_rate_is_that_of_the_last_minute_or_two() -> None:
    now = seen(standing("a", 0, added=250), standing("b", 0))
    measured(now, {"a": 0})

    found = {row.state.name: row.rate for row in stream_rows.rows(now)}

    assert found == {"a": pytest.approx(2.5), "b": None}


@pytest.mark.parametrize("seconds", [20.0, 400.0])
def test_a_measurement_too_near_or_too_far_gives_no_rate(seconds: float) -> None:
    now = seen(standing("a", 0, added=250))
    measured(now, {"a": 0}, seconds)

    assert stream_rows.rows(now)[0].rate is None


def test_the_least_room_comes_first_then_the_most_unfinished_then_the_name() -> None:
    streams = {"little": 97_000, "some": 90_000, "lost": None, "quiet": 0, "calm": 0, "full": 900}
    now = seen(*(standing(name, lag) for name, lag in streams.items()))
    before = {"little": 96_900, "some": 89_900, "quiet": 0, "calm": 0, "full": 900}
    measured(now, before)

    rows = stream_rows.rows(now)

    assert [row.state.name for row in rows] == ["little", "some", "lost", "full", "calm", "quiet"]
    assert [row.short for row in rows] == [True, True, False, False, False, False]


def test_the_room_of_a_stream_is_that_of_its_worst_group_and_the_furthest_is_named() -> None:
    one = standing("a", 97_000)
    assert one.info is not None
    quick = StreamGroup("quick", 1, 0, "2-0", None, 0)
    lost = StreamGroup("lost", 1, 0, "1-0", None, None)
    now = seen(
        replace(one, info=replace(one.info, groups=(quick, *one.info.groups))),
        replace(one, name="b", info=replace(one.info, name="b", groups=(*one.info.groups, lost))),
    )
    measured(now, {"a": 96_900, "b": 97_000})

    first, second = stream_rows.rows(now)

    assert first.room is not None
    assert (first.room.kind, first.furthest and first.furthest.name) == ("bad", GROUP)
    assert (first.backlog, first.groups) == (97_000, 2)
    assert second.furthest == lost


def test_reasons_why_room_is_unknown_are_counted() -> None:
    now = seen(standing("a", None), standing("b", 5), standing("c", 5))

    assert stream_rows.unknown_rooms(stream_rows.rows(now)) == (
        ("unknown, because nothing was measured a minute ago", 2),
        ("unknown, because the server lost count: the group was moved", 1),
    )
