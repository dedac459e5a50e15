"""How long there is room for what a group does not finish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from events.queries.snapshot import BusState, Snapshot, StreamState
from events.transport.base import StreamGroup, StreamInfo
from monitoring import samples
from monitoring.attention import Flow, Room, needs
from monitoring.headroom import least, rooms
from tests.monitoring.snapshots import SERVER, group, snapshot

STREAM = "astra.trading.tradeexecuted.v1"
GROUP = "revenue_trackers"

pytestmark = pytest.mark.django_db


def standing(lag: int | None, pending: int = 0, **values: object) -> Snapshot:
    """A bus on which one group stands so; 5 000 entries, a cap of 100 000 for a group."""
    place = StreamGroup(GROUP, 1, pending, "1-0", None, lag)
    info = StreamInfo(STREAM, 5_000, "1-0", "2-0", 5_000, (place,))
    stream = StreamState(STREAM, "trading", "Trading.TradeExecuted", info)
    given = {"at": timezone.now(), "backlog_cap": 100_000, **values}
    return snapshot(streams=(stream,), **given)


def room(now: Snapshot, before: Mapping[str, int] | None, seconds: float = 100.0) -> Room:
    """The room now, where so many were unfinished `seconds` ago."""
    measured = msgspec.structs.replace(samples.values_of(now), unfinished=before)
    samples.record(now.at - timedelta(seconds=seconds), measured, 0)
    return rooms(now)[STREAM, GROUP]


def of_server(used: int, most: int) -> BusState:
    return BusState(
        reachable=True, server=replace(SERVER, used_memory_bytes=used, max_memory_bytes=most)
    )


def test_what_grows_is_told_until_when_it_may() -> None:
    """A hundred in a hundred seconds: one a second, 10 000 until nothing is added."""
    found = room(standing(89_950, pending=50), {f"{STREAM} {GROUP}": 89_900})

    assert (found.kind, found.seconds) == ("warn", pytest.approx(10_000))
    assert found.text == "about 2\u00a0h 46\u00a0min until nothing is added to the stream"


@pytest.mark.parametrize(("lag", "kind"), [(70_000, "ok"), (90_000, "warn"), (97_000, "bad")])
def test_less_than_an_hour_is_red(lag: int, kind: str) -> None:
    assert room(standing(lag), {f"{STREAM} {GROUP}": lag - 100}).kind == kind


def test_memory_counts_where_it_ends_first() -> None:
    """1 000 bytes an entry, 1 a second; 800 000 of 10 000 000 bytes are free up to 80 per cent."""
    now = standing(200, bus=of_server(used=5_000_000, most=7_250_000))

    found = room(now, {f"{STREAM} {GROUP}": 100})

    assert found.seconds == pytest.approx(800)
    assert found.text.endswith("until the server's memory is full")


def test_what_is_unfinished_is_kept_with_each_minute() -> None:
    kept = samples.values_of(standing(7, pending=2))

    assert kept.unfinished == {f"{STREAM} {GROUP}": 9}
    assert samples.values_of(standing(0)).unfinished == {}


def test_streams_that_grow_together_fill_the_memory_together() -> None:
    one = standing(200, bus=of_server(used=5_000_000, most=7_250_000))
    (first,) = one.streams
    assert first.info is not None
    other = replace(first.info, name="other")
    both = replace(one, streams=(first, replace(first, name="other", info=other)))
    before = {f"{STREAM} {GROUP}": 100, f"other {GROUP}": 100}

    found = room(both, before)

    assert found.seconds == pytest.approx(800)  # 500 bytes an entry, two a second


def test_a_count_that_was_lost_before_is_no_sudden_growth() -> None:
    kept = samples.values_of(standing(None)).unfinished

    assert kept == {f"{STREAM} {GROUP}": None}
    assert "nothing was measured" in room(standing(90_000), kept).text


@pytest.mark.parametrize("before", [300, 200])
def test_what_does_not_grow_has_room(before: int) -> None:
    found = room(standing(200), {f"{STREAM} {GROUP}": before})

    assert (found.kind, found.text) == ("ok", "enough: not growing")


def test_what_nobody_knows_is_said_with_its_reason() -> None:
    assert "nothing was measured a minute ago" in rooms(standing(5))[STREAM, GROUP].text
    assert "nothing was measured a minute ago" in room(standing(5), None).text
    assert "the server lost count" in room(standing(None), {}, 50).text
    assert "has a limit" in room(standing(5, backlog_cap=0), {}, 40).text


def test_the_least_room_of_a_group_is_its_worst() -> None:
    found = {
        ("a", GROUP): Room("ok", "enough"),
        ("b", GROUP): Room("bad", "40 min", 2_400.0),
        ("c", GROUP): Room("bad", "10 min", 600.0),
        ("c", "other"): Room("bad", "1 s", 1.0),
    }

    assert least(found, GROUP) == found["c", GROUP]
    assert least(found, "nobody") is None


def test_little_room_needs_somebody_before_it_is_gone() -> None:
    now = standing(97_000)
    found = rooms(now)
    short = Room("bad", "about 40 min until nothing is added to the stream", 2_400.0)

    (need,) = needs(replace(now, groups=(group(GROUP),)), lambda name: Flow(), lambda name: short)

    assert (need.kind, need.word, need.subject) == ("bad", "room", GROUP)
    assert need.sentence == "leaves room for about 40 min until nothing is added to the stream."
    assert not needs(now, lambda name: Flow(), lambda name: least(found, name))
