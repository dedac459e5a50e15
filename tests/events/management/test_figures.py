"""Medians, ratios and percentiles of a bench."""

from __future__ import annotations

import pytest

from events.management.bench.figures import AIMS, Measured, percentile


def test_the_nearest_rank_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]

    assert [percentile(values, share) for share in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 99) == 7.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0


def test_ratios_are_taken_round_by_round() -> None:
    over, under = "ours", "count 1000, validate, one XACK"
    # The machine was twice as fast in the second round: the ratio is the same in both.
    measured = Measured("consume", "sqlite", [{over: 60, under: 100}, {over: 120, under: 200}])

    (ratio,) = [one for one in measured.figures() if one.name == f"{over} / {under}"]

    assert (ratio.median, ratio.least, ratio.most) == (0.6, 0.6, 0.6)
    assert ratio.aim is not None
    assert ratio.aim.least == 0.6


def test_latencies_of_all_rounds_make_the_percentiles() -> None:
    measured = Measured("chain", "sqlite", [{"complete": 1.0}], [10.0, 20.0, 30.0, 1_000.0])

    found = {one.name: one.median for one in measured.figures()}

    assert (found["p50"], found["p99"]) == (20.0, 1_000.0)


@pytest.mark.parametrize("name", AIMS)
def test_a_measure_without_rounds_gives_no_figure_but_fails_nothing(name: str) -> None:
    assert all(figure.median == 0.0 for figure in Measured(name, "sqlite").figures())
