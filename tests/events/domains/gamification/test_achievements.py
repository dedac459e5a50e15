"""Which achievements are earned, and when a streak goes on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from events.domains.gamification.achievements import (
    AWARDS,
    add_trade,
    earned,
    extend_streak,
    newly_earned,
)
from events.domains.gamification.models import TraderRecord


def fresh() -> TraderRecord:
    return TraderRecord(user_id=1, volume=Decimal(0), best_trade=Decimal(0))


def names_after(record: TraderRecord, value: str) -> list[str]:
    before = earned(record)
    add_trade(record, Decimal(value))
    return [award.name for award in newly_earned(before, record)]


def test_the_first_trade_is_an_achievement_and_the_second_is_not() -> None:
    record = fresh()

    assert names_after(record, "20") == ["first_trade"]
    assert names_after(record, "20") == []


def test_volume_adds_up_to_an_achievement() -> None:
    record = fresh()

    assert names_after(record, "9999.99") == ["first_trade"]
    assert names_after(record, "0.01") == ["volume_10k"]


def test_one_huge_trade_earns_several_the_greatest_last() -> None:
    earned_names = names_after(fresh(), "1197500")

    assert earned_names[0] == "first_trade"
    assert earned_names[-1] == "volume_1m"
    assert {"big_trade", "whale_trade"} < set(earned_names)


def test_every_achievement_has_a_name_of_its_own() -> None:
    assert len({award.name for award in AWARDS}) == len(AWARDS)


def test_a_streak_grows_by_days_in_a_row_and_begins_anew_after_a_gap() -> None:
    record = fresh()

    counted = [
        (extend_streak(record, date(2026, 1, day)), record.streak_days) for day in (5, 6, 7, 9)
    ]

    assert counted == [(True, 1), (True, 2), (True, 3), (True, 1)]
    assert record.best_streak == 3


def test_a_day_counts_once_and_a_late_trade_of_an_earlier_day_not_at_all() -> None:
    record = fresh()
    extend_streak(record, date(2026, 1, 5))

    assert not extend_streak(record, date(2026, 1, 5))
    assert not extend_streak(record, date(2026, 1, 4))
    assert (record.streak_days, record.streak_day) == (1, date(2026, 1, 5))


def test_a_streak_lost_and_won_again_is_no_second_achievement() -> None:
    record = fresh()
    for day in range(1, 8):
        extend_streak(record, date(2026, 1, day))
    before = earned(record)

    for day in range(11, 18):
        extend_streak(record, date(2026, 1, day))

    assert "streak_7" in before
    assert newly_earned(before, record) == []
