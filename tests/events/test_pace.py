"""How much a group reads at a time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from events import pace
from events.pace import LEAST_READ, MOST_AT_ONCE, MOST_READ, ROUND_S, Pace
from events.transport.base import Delivery


class Watch:
    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def ran(made: Pace, watch: Watch, count: int, took_s: float, streams: int = 1) -> int:
    """What is asked for after a read of so many entries, of so many streams, took so long."""
    made.read([Delivery(f"s{n % streams}", f"{n}-0", "", b"") for n in range(count)])
    watch.at += took_s
    made.follow()
    return made.count


def test_the_next_read_brings_what_can_be_run_in_a_round(watch: Watch) -> None:
    assert ran(Pace(100, 1), watch, 100, 2 * ROUND_S) == pytest.approx(50, abs=1)
    assert ran(Pace(100, 1), watch, 100, ROUND_S / 2) == pytest.approx(200, abs=1)


@pytest.mark.parametrize(("took_s", "expected"), [(0.0, MOST_READ), (60.0, LEAST_READ)])
def test_it_is_bounded(watch: Watch, took_s: float, expected: int) -> None:
    assert ran(Pace(100, 1), watch, 100, took_s) == expected


def test_what_fits_is_shared_by_the_streams_that_have_answered(watch: Watch) -> None:
    """The server counts for each stream: a group of ten would be given ten times as much."""
    assert ran(Pace(100, 10), watch, 1_000, 5 * ROUND_S, streams=10) == pytest.approx(20, abs=1)
    assert ran(Pace(100, 10), watch, 1_000, 60.0, streams=10) == 1


def test_a_read_in_which_every_stream_is_full_is_bounded_too(watch: Watch) -> None:
    made = Pace(100, 400)

    assert made.count * 400 == MOST_AT_ONCE
    assert ran(made, watch, 100, 0.0) * 400 == MOST_AT_ONCE


def test_a_small_batch_size_stays_small(watch: Watch) -> None:
    assert ran(Pace(3, 1), watch, 3, 0.0) == 3


def test_a_read_is_full_when_it_brings_what_was_asked_for(watch: Watch) -> None:
    made = Pace(2, 1)
    ran(made, watch, 1, 0.0)
    assert not made.was_full
    ran(made, watch, 2, 0.0)
    assert made.was_full
