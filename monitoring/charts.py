"""Geometry of the small charts: values in, SVG path data out. No markup and no colours here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

FEWEST_POINTS = 3
"""A line through fewer points says nothing; it is not drawn."""

WIDTH, HEIGHT = 100.0, 22.0
"""The view box of a sparkline; the style sheet stretches it."""

EDGE = 1.0
"""Kept free above and below, so that the stroke is not cut."""

BREAK_AT = 3.5
"""A hole of more than this many usual steps is shown as a hole, not bridged."""

Point = tuple[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Two paths: the line, and the area under it."""

    line: str
    area: str
    lowest: float
    highest: float
    newest: float
    span_s: float
    """From the first point to the last."""


def sparkline(points: Sequence[Point]) -> Sparkline | None:
    """The paths of a series that starts at zero; None when there are too few known values."""
    known = [value for _, value in points if value is not None]
    if len(known) < FEWEST_POINTS:
        return None
    top = max(known) or 1.0
    runs = [_place(run, points, top) for run in _runs(points)]
    return Sparkline(
        line=" ".join(_line(run) for run in runs),
        area=" ".join(_area(run) for run in runs if len(run) > 1),
        lowest=min(known),
        highest=max(known),
        newest=known[-1],
        span_s=(points[-1][0] - points[0][0]).total_seconds(),
    )


def _runs(points: Sequence[Point]) -> list[list[tuple[datetime, float]]]:
    """The series cut where a value is unknown or a hole is too wide."""
    usual = _usual_step_s(points)
    runs: list[list[tuple[datetime, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
            continue
        if runs[-1] and (at - runs[-1][-1][0]).total_seconds() > BREAK_AT * usual:
            runs.append([])
        runs[-1].append((at, value))
    return [run for run in runs if run]


def _usual_step_s(points: Sequence[Point]) -> float:
    steps = sorted((after[0] - before[0]).total_seconds() for before, after in pairwise(points))
    return steps[len(steps) // 2]


def _place(
    run: Sequence[tuple[datetime, float]], points: Sequence[Point], top: float
) -> list[tuple[float, float]]:
    first, last = points[0][0], points[-1][0]
    span = (last - first).total_seconds() or 1.0
    usable = HEIGHT - 2 * EDGE
    return [
        ((at - first).total_seconds() / span * WIDTH, HEIGHT - EDGE - value / top * usable)
        for at, value in run
    ]


def _line(run: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in run)


def _area(run: Sequence[tuple[float, float]]) -> str:
    return f"{_line(run)} L{run[-1][0]:.1f} {HEIGHT:g} L{run[0][0]:.1f} {HEIGHT:g} Z"
