"""Medians, ratios and percentiles of what was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should come to, and who says so."""

    figure: str
    """Name of a value, or ``A / B`` for a ratio of two."""
    least: float
    """At least this; at most, where `most`."""
    most: bool = False
    unit: str = ""


AIMS: Mapping[str, Sequence[Aim]] = {
    "direct": (
        Aim("ours / validate and append", 0.75),
        Aim("ours, events ready-made / append ready-made bytes", 0.4),
        Aim("ours / append ready-made bytes", 0.4),
        Aim("ours", 100_000, unit="/s"),
    ),
    "consume": (
        Aim("ours / count 1000, validate, one XACK", 0.6),
        Aim("handled again", 0.001, most=True),
    ),
    "publish": (
        Aim("ours", 10_000, unit="/s"),
        Aim("p99 of one event", 10, most=True, unit="ms"),
    ),
    "effects": (Aim("ours", 5_000, unit="/s"),),
    "singles": (Aim("ours", 1_500, unit="/s"),),
    "chain": (
        Aim("p50", 25, most=True, unit="ms"),
        Aim("p99", 100, most=True, unit="ms"),
    ),
    "memory": (Aim("MB at the end", 150, most=True, unit="MB"),),
    "long": (
        Aim("publish, long stream / publish, short stream", 0.9),
        Aim("consume, long stream / consume, short stream", 0.9),
    ),
    "two": (Aim("both together", 100_000, unit="/s"),),
}
"""The aims of the documents: 10 000 and 100 000 events a second, a publish within 10 ms, handling
within 100 ms; and ratios to hand-written code, which hold on any machine."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a measure."""

    name: str
    median: float
    least: float
    most: float
    unit: str = ""
    aim: Aim | None = None


@dataclass
class Measured:
    """Everything one measure gave."""

    name: str
    sql: str
    rounds: list[Mapping[str, float]] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def figures(self) -> list[Figure]:
        """Values first, then ratios (taken round by round), then percentiles."""
        aims = {aim.figure: aim for aim in AIMS.get(self.name, ())}
        found = [self._figure(name, self._column(name), aims) for name in self._names()]
        for figure in aims:
            over, slash, under = figure.partition(" / ")
            if slash:
                pairs = zip(self._column(over), self._column(under), strict=True)
                found.append(self._figure(figure, [a / b for a, b in pairs if b], aims))
        what = "" if self.name == "chain" else " of one event"
        for share in (50, 95, 99):
            if self.latencies_ms:
                value = percentile(self.latencies_ms, share)
                found.append(self._figure(f"p{share}{what}", [value], aims, "ms"))
        return found

    def _names(self) -> list[str]:
        return list(self.rounds[0]) if self.rounds else []

    def _column(self, name: str) -> list[float]:
        return [values[name] for values in self.rounds]

    def _figure(
        self, name: str, values: Sequence[float], aims: Mapping[str, Aim], unit: str = ""
    ) -> Figure:
        aim = aims.get(name)
        if not values:
            return Figure(name, 0.0, 0.0, 0.0, unit, aim)
        return Figure(name, median(values), min(values), max(values), unit, aim)

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "measure": self.name,
            "sql": self.sql,
            "rounds": list(self.rounds),
            "peak_mb": self.peak_mb,
            "figures": {
                figure.name: {
                    "median": figure.median,
                    "min": figure.least,
                    "max": figure.most,
                    "aim": figure.aim.least if figure.aim else None,
                }
                for figure in self.figures()
            },
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[int(rank) - 1]
