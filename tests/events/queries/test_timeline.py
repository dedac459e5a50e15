"""The scale of a chain's time bars."""

from __future__ import annotations

import pytest

from events.queries.timeline import GAP_WIDTH, THINNEST, Timeline


def test_the_scale_runs_from_the_root_to_the_last_instant() -> None:
    timeline = Timeline.of([0.0, 0.010, 0.040])

    assert (timeline.x(0.0), timeline.x(0.020), timeline.x(0.040)) == (0.0, 50.0, 100.0)
    assert timeline.gaps == ()


def test_a_bar_has_the_length_of_its_time() -> None:
    timeline = Timeline.of([0.0, 0.010, 0.020, 0.040])

    assert timeline.span(0.010, 0.020) == (25.0, 25.0)


def test_the_shortest_bar_can_still_be_seen_and_stays_on_the_scale() -> None:
    timeline = Timeline.of([0.0, 1.0])

    x, width = timeline.span(1.0, 1.0)

    assert width == THINNEST
    assert x + width <= 100.0


def test_a_wait_that_dwarfs_the_rest_is_broken() -> None:
    timeline = Timeline.of([0.0, 0.010, 0.020, 300.0, 300.010])

    (gap,) = timeline.gaps
    assert gap.seconds == pytest.approx(299.98)
    assert timeline.span(0.020, 300.0)[1] == pytest.approx(GAP_WIDTH, abs=0.2)
    assert timeline.span(0.0, 0.010)[1] == pytest.approx((100 - GAP_WIDTH) / 3, abs=0.2)


def test_a_wait_that_is_only_long_is_drawn_as_long_as_it_is() -> None:
    timeline = Timeline.of([0.0, 2.0, 5.0])

    assert timeline.gaps == ()


def test_several_long_waits_are_broken_each() -> None:
    timeline = Timeline.of([0.0, 0.010, 60.0, 60.010, 4000.0, 4000.010])

    assert [round(gap.seconds) for gap in timeline.gaps] == [60, 3940]


def test_a_single_instant_lies_at_the_beginning() -> None:
    timeline = Timeline.of([0.0])

    assert (timeline.x(0.0), timeline.span(0.0, 0.0)) == (0.0, (0.0, THINNEST))
