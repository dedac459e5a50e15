"""Periods of the boards, and ranks on them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from events.domains.gamification.leaderboards import PLACES, Podium, periods


def test_an_instant_belongs_to_a_day_an_iso_week_and_all_time() -> None:
    new_year = datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC)

    assert periods(new_year) == {"daily": "2027-01-01", "weekly": "2026-W53", "all_time": ""}


def test_the_first_points_of_a_user_enter_the_board() -> None:
    podium = Podium([50, 30])

    assert podium.advance(0, 40) == (None, 2)


def test_passing_somebody_changes_the_rank() -> None:
    podium = Podium([50, 30, 20])

    assert podium.advance(20, 60) == (3, 1)
    assert podium.advance(30, 31) == (3, 3)


def test_equal_scores_share_a_rank() -> None:
    podium = Podium([50, 50, 20])

    assert podium.advance(20, 50) == (3, 1)


def test_below_the_first_hundred_there_is_no_rank() -> None:
    podium = Podium(list(range(1_000, 1_000 + PLACES + 1)))

    assert podium.advance(5, 6) == (None, None)
    assert podium.advance(6, 1_002) == (None, 99)


@given(st.lists(st.tuples(st.integers(0, 149), st.integers(1, 30)), max_size=300))
def test_ranks_are_those_of_a_full_sort(gains: list[tuple[int, int]]) -> None:
    scores = dict.fromkeys(range(150), 0)
    podium = Podium([])
    for user, points in gains:
        after = scores[user] + points
        expected = 1 + sum(score > after for other, score in scores.items() if other != user)

        _, rank = podium.advance(scores[user], after)

        scores[user] = after
        assert rank == (expected if expected <= PLACES else None)
