"""A scale for the time bars of a chain, on which long waits do not squeeze the rest to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

LONG_GAP_S = 1.0
"""Shorter gaps are always drawn at their true length."""

LONG_GAP_FACTOR = 3.0
"""A gap is drawn broken only when it is this much longer than all that happened."""

GAP_WIDTH = 8.0
"""Width of a broken gap, in per cent of the scale."""

THINNEST = 0.7
"""Width of the shortest bar, in per cent: about two pixels."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing began or ended, drawn shorter than it was."""

    x: float
    seconds: float

    @property
    def middle(self) -> float:
        """Where its mark stands, in per cent."""
        return round(self.x + GAP_WIDTH / 2, 1)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of time and where it lies on the scale."""

    start_s: float
    end_s: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Seconds after the root to per cent of the width."""

    end_s: float
    gaps: tuple[Gap, ...]
    pieces: tuple[_Piece, ...]

    @classmethod
    def of(cls, instants_s: Iterable[float]) -> Timeline:
        """A scale from 0 to the last instant; `instants_s` are starts and ends of what happened."""
        instants = sorted({0.0, *(max(0.0, instant) for instant in instants_s)})
        steps = [(a, b, b - a) for a, b in pairwise(instants)]
        broken = _broken([length for _, _, length in steps])
        busy = sum(length for _, _, length in steps if length not in broken)
        room = 100.0 - GAP_WIDTH * sum(length in broken for _, _, length in steps)
        pieces: list[_Piece] = []
        gaps: list[Gap] = []
        x = 0.0
        for start, end, length in steps:
            width = GAP_WIDTH if length in broken else room * length / busy
            pieces.append(_Piece(start, end, x, width))
            if length in broken:
                gaps.append(Gap(round(x, 1), length))
            x += width
        return cls(instants[-1], tuple(gaps), tuple(pieces))

    def x(self, seconds: float) -> float:
        """Where an instant lies, 0 to 100."""
        for piece in self.pieces:
            if seconds <= piece.end_s:
                share = (seconds - piece.start_s) / (piece.end_s - piece.start_s)
                return round(piece.x + piece.width * min(1.0, max(0.0, share)), 1)
        return 100.0 if self.pieces else 0.0

    def span(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Position and width of a stretch; never thinner than can be seen, never off the scale."""
        x = min(self.x(start_s), 100.0 - THINNEST)
        return round(x, 1), round(max(self.x(end_s) - x, THINNEST), 1)


def _broken(lengths: Sequence[float]) -> frozenset[float]:
    """Lengths of the gaps to break: longest first, while each dwarfs all that is left."""
    broken: set[float] = set()
    left = sum(lengths)
    for length in sorted(lengths, reverse=True):
        left -= length
        if length < LONG_GAP_S or length < LONG_GAP_FACTOR * left or left <= 0:
            break
        broken.add(length)
    return frozenset(broken)
