"""Which achievements a record has earned, and the daily streak: pure decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from events.domains.gamification.models import TraderRecord


@dataclass(frozen=True, slots=True)
class Award:
    """An achievement: its name, what people read, and when a record has earned it."""

    name: str
    title: str
    is_earned: Callable[[TraderRecord], bool]


AWARDS = (
    Award("first_trade", "First trade", lambda record: record.trades >= 1),
    Award("level_5", "Level 5 reached", lambda record: record.level >= 5),
    Award("streak_7", "A week of trading", lambda record: record.best_streak >= 7),
    Award("trades_100", "A hundred trades", lambda record: record.trades >= 100),
    Award("volume_10k", "Ten thousand traded", lambda record: record.volume >= 10_000),
    Award("level_10", "Level 10 reached", lambda record: record.level >= 10),
    Award("big_trade", "A trade of ten thousand", lambda record: record.best_trade >= 10_000),
    Award("streak_30", "A month of trading", lambda record: record.best_streak >= 30),
    Award("volume_100k", "A hundred thousand traded", lambda record: record.volume >= 100_000),
    Award("trades_1000", "A thousand trades", lambda record: record.trades >= 1_000),
    Award("level_25", "Level 25 reached", lambda record: record.level >= 25),
    Award("whale_trade", "A trade of a hundred thousand", lambda r: r.best_trade >= 100_000),
    Award("volume_1m", "A million traded", lambda record: record.volume >= 1_000_000),
    Award("level_50", "Level 50 reached", lambda record: record.level >= 50),
)
"""From the least to the greatest. Every condition, once true, stays true."""


def earned(record: TraderRecord) -> frozenset[str]:
    """Names of the achievements this record has earned."""
    return frozenset(award.name for award in AWARDS if award.is_earned(record))


def newly_earned(before: frozenset[str], record: TraderRecord) -> list[Award]:
    """What the record has earned beyond `before`, the greatest last."""
    return [award for award in AWARDS if award.name not in before and award.is_earned(record)]


def add_trade(record: TraderRecord, value: Decimal) -> None:
    """Count a trade."""
    record.trades += 1
    record.volume += value
    record.best_trade = max(record.best_trade, value)


def extend_streak(record: TraderRecord, day: date) -> bool:
    """Count a day with a trade; False when that day, or a later one, is counted already."""
    if record.streak_day is not None and day <= record.streak_day:
        return False
    follows = record.streak_day == day - timedelta(days=1)
    record.streak_days = record.streak_days + 1 if follows else 1
    record.streak_day = day
    record.best_streak = max(record.best_streak, record.streak_days)
    return True
