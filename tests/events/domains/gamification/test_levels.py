"""Experience points and levels."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.domains.gamification.levels import level_at, title_of, xp_at, xp_of


@pytest.mark.parametrize(
    ("value", "xp"),
    [("0.01", 0), ("99.99", 0), ("100", 1), ("1500.00", 15), ("1197500.00", 11_975)],
)
def test_a_trade_earns_a_point_for_each_full_hundred(value: str, xp: int) -> None:
    assert xp_of(Decimal(value)) == xp


@pytest.mark.parametrize(
    ("total_xp", "level"),
    [(0, 1), (99, 1), (100, 2), (299, 2), (300, 3), (11_975, 15), (11_999, 15), (12_000, 16)],
)
def test_a_level_begins_where_the_design_says(total_xp: int, level: int) -> None:
    assert level_at(total_xp) == level


@given(st.integers(min_value=0, max_value=10**18))
def test_a_level_is_the_highest_whose_beginning_is_reached(total_xp: int) -> None:
    level = level_at(total_xp)

    assert xp_at(level) <= total_xp < xp_at(level + 1)


@pytest.mark.parametrize(
    ("level", "title"), [(1, "Newcomer"), (15, "Navigator"), (16, "Pioneer"), (1000, "Legend")]
)
def test_a_title_is_carried_from_its_level_on(level: int, title: str) -> None:
    assert title_of(level) == title
