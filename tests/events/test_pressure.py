"""When the bus is given no more, and how often it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from events.pressure import Gauge, short_of_memory, too_far_behind
from events.transport.base import ServerInfo, StreamGroup, StreamInfo
from tests.bus_fixture import Bus

STREAM = "astra.trading.tradeexecuted.v1"


def server(used: int, most: int) -> ServerInfo:
    return ServerInfo("Valkey", "9", used, most, 0, "noeviction")


def stream(lag: int | None, pending: int) -> StreamInfo:
    group = StreamGroup("slow", 1, pending, "1-0", None, lag)
    return StreamInfo(STREAM, 10, "1-0", "9-0", 10, (group,))


@pytest.mark.parametrize(
    ("used", "most", "short"), [(80, 100, False), (81, 100, True), (10**12, 0, False)]
)
def test_memory_counts_from_four_fifths_of_a_limit_that_is_set(
    used: int, most: int, short: bool
) -> None:
    assert bool(short_of_memory(server(used, most))) is short


@pytest.mark.parametrize(
    ("lag", "pending", "cap", "behind"),
    [(6, 4, 10, False), (6, 5, 10, True), (None, 11, 10, True), (None, 10, 10, False),
     (10**9, 0, 0, False)],
)  # fmt: skip
def test_what_waits_and_what_is_unfinished_count_together(
    lag: int | None, pending: int, cap: int, behind: bool
) -> None:
    assert bool(too_far_behind(stream(lag, pending), cap)) is behind


def test_the_sentence_names_group_stream_figures_and_what_to_do() -> None:
    sentence = too_far_behind(stream(2_000, 0), 1_000)

    assert sentence == (
        f"slow is 2,000 entries behind on {STREAM}, more than 1,000: start more of its workers, "
        "or raise ASTRA_BACKLOG_CAP"
    )


def test_the_server_is_asked_once_for_many_batches(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[str]] = []
    streams = bus.memory.streams

    def counted(names: Sequence[str]) -> dict[str, StreamInfo]:
        asked.append(names)
        return streams(names)

    monkeypatch.setattr(bus.memory, "streams", counted)
    monkeypatch.setattr("events.pressure.READ_EVERY_S", 3_600.0)
    gauge = Gauge()

    for _ in range(100):
        gauge.pressure({STREAM})
    gauge.pressure({STREAM, "another"})

    assert asked == [[STREAM], ["another", STREAM]]


def test_a_reading_that_has_grown_old_is_replaced(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.pressure.READ_EVERY_S", 0.0)
    gauge = Gauge()
    assert gauge.pressure({STREAM}).reason == ""

    monkeypatch.setattr(bus.memory, "server", lambda: server(95, 100))

    assert "95%" in gauge.pressure({STREAM}).reason
    assert "95%" in gauge.latest().on(STREAM)
