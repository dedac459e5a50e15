"""Experience points and levels: pure functions."""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

VALUE_PER_XP = 100
"""Trade value worth one point, in units of the trade's currency; a remainder counts nothing."""

XP_PER_STEP = 50
"""Level n begins at XP_PER_STEP * n * (n - 1) points."""

TITLES = (
    (60, "Legend"),
    (40, "Admiral"),
    (25, "Captain"),
    (16, "Pioneer"),
    (10, "Navigator"),
    (5, "Explorer"),
    (1, "Newcomer"),
)
"""The level from which each title is carried, highest first."""


def xp_of(value: Decimal) -> int:
    """Points a trade of this value earns; 0 for less than 100."""
    return int(value // VALUE_PER_XP)


def level_at(total_xp: int) -> int:
    """The level that these points reach; 1 for none.

    The largest n with 50 n (n - 1) <= total, in whole numbers all the way.
    """
    return (1 + isqrt(1 + 4 * (total_xp // XP_PER_STEP))) // 2


def xp_at(level: int) -> int:
    """Points at which a level begins."""
    return XP_PER_STEP * level * (level - 1)


def title_of(level: int) -> str:
    """Title carried at this level."""
    return next(title for least, title in TITLES if level >= least)
