"""The leaderboards: their periods, and ranks among the first hundred."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from datetime import UTC, datetime

PLACES = 100
"""Ranks that are watched; what happens below them is nobody's news."""


def periods(at: datetime) -> dict[str, str]:
    """The period of each board an instant belongs to, in UTC; ISO weeks."""
    day = at.astimezone(UTC).date()
    year, week, _ = day.isocalendar()
    return {"daily": day.isoformat(), "weekly": f"{year}-W{week:02}", "all_time": ""}


class Podium:
    """The best scores of one board in one period; users with equal scores share a rank."""

    def __init__(self, scores: list[int]) -> None:
        """`scores`: the PLACES + 1 highest, or all where there are fewer."""
        self._ascending = sorted(scores)

    def advance(self, before: int, after: int) -> tuple[int | None, int | None]:
        """Move one user from a score (0: none yet) to a higher one.

        Returns the rank before and after, None where it is not among the first hundred.
        """
        place = bisect_left(self._ascending, before)
        if place < len(self._ascending) and self._ascending[place] == before:
            del self._ascending[place]
        ranks = self._rank(before) if before else None, self._rank(after)
        insort(self._ascending, after)
        return ranks

    def _rank(self, score: int) -> int | None:
        better = len(self._ascending) - bisect_right(self._ascending, score)
        return better + 1 if better < PLACES else None
