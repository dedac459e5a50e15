from datetime import UTC, datetime, timedelta

from monitoring.charts import Point, sparkline

START = datetime(2026, 7, 1, tzinfo=UTC)


def series(*values: float | None, step_s: float = 5) -> list[Point]:
    return [
        (START + timedelta(seconds=index * step_s), value) for index, value in enumerate(values)
    ]


def test_two_points_are_not_drawn() -> None:
    assert sparkline(series(1, 2)) is None
    assert sparkline(series(1, None, 2)) is None
    assert sparkline([]) is None


def test_a_line_goes_from_edge_to_edge_and_zero_is_at_the_bottom() -> None:
    drawn = sparkline(series(0, 5, 10))

    assert drawn is not None
    assert drawn.line == "M0.0 21.0 L50.0 11.0 L100.0 1.0"
    assert drawn.area == "M0.0 21.0 L50.0 11.0 L100.0 1.0 L100.0 22 L0.0 22 Z"
    assert (drawn.lowest, drawn.highest, drawn.newest) == (0, 10, 10)


def test_a_series_of_zeros_lies_flat() -> None:
    drawn = sparkline(series(0, 0, 0))

    assert drawn is not None
    assert drawn.line == "M0.0 21.0 L50.0 21.0 L100.0 21.0"


def test_an_unknown_value_is_a_hole_not_a_zero() -> None:
    drawn = sparkline(series(1, 1, None, 1, 1))

    assert drawn is not None
    assert drawn.line.count("M") == 2


def test_a_time_without_measurements_is_a_hole_too() -> None:
    before, after = series(1, 1, 1), series(1, 1, 1)
    later = [(at + timedelta(minutes=5), value) for at, value in after]

    drawn = sparkline([*before, *later])

    assert drawn is not None
    assert drawn.line.count("M") == 2
