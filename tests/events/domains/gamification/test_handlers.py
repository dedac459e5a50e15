"""What gamification makes of trades, interactions, challenges and levels."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from events import Event
from events.domains.gamification.handlers import KEEP_BOARDS, forget_old_boards
from events.domains.gamification.leaderboards import periods
from events.domains.gamification.models import Achievement, Standing, TraderRecord, XPProfile
from events.envelope import now
from tests.bus_fixture import Bus


def trade(value: str, *, user_id: int = 7, **envelope: Any) -> Event:
    data = {"user_id": user_id, "symbol": "STRK", "value": value}
    return Event.new("Trading.TradeExecuted", data, **envelope)


def points(xp: int, *, user_id: int = 7, **envelope: Any) -> Event:
    data = {"user_id": user_id, "xp": xp, "source": "other", "reason": "A gift"}
    return Event.new("Gamification.XPGained", data, **envelope)


def said(bus: Bus, event_type: str) -> list[dict[str, Any]]:
    return [event.data for event in bus.events(event_type)]


def test_a_trade_below_100_gives_no_xp(bus: Bus) -> None:
    bus.publish(trade("99.99"))

    bus.drain()

    assert said(bus, "Gamification.XPGained") == []
    assert not XPProfile.objects.exists()


@pytest.mark.parametrize(("kind", "xp"), [("like", 1), ("comment", 2), ("follow", 3), ("share", 5)])
def test_an_interaction_gives_a_few_points(bus: Bus, kind: str, xp: int) -> None:
    bus.publish(Event.new("Social.SocialInteraction", {"user_id": 7, "kind": kind}))

    bus.drain()

    (gained,) = said(bus, "Gamification.XPGained")
    assert (gained["xp"], gained["source"]) == (xp, "social")


def test_sharing_a_trade_gives_no_points(bus: Bus) -> None:
    bus.publish(Event.new("Social.SocialInteraction", {"user_id": 7, "kind": "trade_share"}))

    bus.drain()

    assert said(bus, "Gamification.XPGained") == []


@pytest.mark.parametrize(("reward_xp", "gained"), [(50, [50]), (0, [])])
def test_a_challenge_gives_what_it_promised(bus: Bus, reward_xp: int, gained: list[int]) -> None:
    data = {"challenge_id": "c-1", "user_id": 7, "name": "Five trades", "reward_xp": reward_xp}
    bus.publish(Event.new("Challenge.Completed", data))

    bus.drain()

    assert [event["xp"] for event in said(bus, "Gamification.XPGained")] == gained


def test_points_of_a_user_nobody_knows_open_their_profile(bus: Bus) -> None:
    bus.publish(points(30), points(65))

    bus.drain()

    profile = XPProfile.objects.get(user_id=7)
    assert (profile.total_xp, profile.level) == (95, 1)
    assert said(bus, "Gamification.LevelUp") == []


def test_several_levels_passed_at_once_are_one_level_up(bus: Bus) -> None:
    bus.publish(points(11_975))

    bus.drain()

    assert said(bus, "Gamification.LevelUp") == [
        {"user_id": 7, "from_level": 1, "to_level": 15, "title": "Navigator", "total_xp": 11_975}
    ]


def test_each_level_is_reached_by_the_event_that_reached_it(bus: Bus) -> None:
    gains = [points(60), points(60), points(200)]
    bus.publish(*gains)

    bus.drain()

    causes = [event.causation_id for event in bus.events("Gamification.LevelUp")]
    levels = [(data["from_level"], data["to_level"]) for data in said(bus, "Gamification.LevelUp")]
    assert causes == [gains[1].event_id, gains[2].event_id]
    assert levels == [(1, 2), (2, 3)]


def test_a_new_rank_is_told_for_each_board(bus: Bus) -> None:
    bus.publish(points(10, user_id=1))
    bus.drain()

    bus.publish(points(20, user_id=2))
    bus.drain()

    ranks = {
        (event.entity_id, event.data["user_id"]): event.data["rank"]
        for event in bus.events("Gamification.LeaderboardUpdated")
    }
    boards = ("daily", "weekly", "all_time")
    assert ranks == {(board, user): 1 for board in boards for user in (1, 2)}


def test_points_that_change_no_rank_are_not_told(bus: Bus) -> None:
    bus.publish(points(10))
    bus.drain()
    told = len(bus.events("Gamification.LeaderboardUpdated"))

    bus.publish(points(10))
    bus.drain()

    assert len(bus.events("Gamification.LeaderboardUpdated")) == told == 3
    assert set(Standing.objects.values_list("score", flat=True)) == {20}


def test_boards_of_a_day_and_a_week_begin_anew(bus: Bus) -> None:
    monday = datetime(2026, 1, 12, 12, tzinfo=UTC)
    bus.publish(*(points(10, occurred_at=monday + timedelta(days=days)) for days in (0, 1, 7)))

    bus.drain()

    scores = {(row.board, row.period): row.score for row in Standing.objects.all()}
    assert scores == {
        ("daily", "2026-01-12"): 10,
        ("daily", "2026-01-13"): 10,
        ("daily", "2026-01-19"): 10,
        ("weekly", "2026-W03"): 20,
        ("weekly", "2026-W04"): 10,
        ("all_time", ""): 30,
    }


@pytest.mark.django_db
def test_old_boards_are_forgotten_and_all_time_is_not() -> None:
    for at in (now(), now() - KEEP_BOARDS - timedelta(days=14)):
        for board, period in periods(at).items():
            Standing.objects.update_or_create(board=board, period=period, user_id=7)

    forget_old_boards()

    kept = {(row.board, row.period) for row in Standing.objects.all()}
    assert kept == set(periods(now()).items())


def test_a_trade_that_earns_several_achievements_says_the_greatest(bus: Bus) -> None:
    bus.publish(trade("12000"))

    bus.drain()

    unlocked = [data["achievement"] for data in said(bus, "Gamification.AchievementUnlocked")]
    kept = set(Achievement.objects.values_list("name", flat=True))
    assert unlocked == ["big_trade"]
    assert kept == {"first_trade", "volume_10k", "big_trade"}


def test_a_level_reached_is_an_achievement_once(bus: Bus) -> None:
    level = {"user_id": 7, "from_level": 4, "to_level": 5, "title": "Explorer", "total_xp": 1_000}
    bus.publish(*(Event.new("Gamification.LevelUp", level) for _ in range(2)))

    bus.drain()

    unlocked = [data["achievement"] for data in said(bus, "Gamification.AchievementUnlocked")]
    assert unlocked == ["level_5"]


def test_a_streak_is_told_once_per_user_and_utc_day(bus: Bus) -> None:
    first_day = datetime(2026, 1, 15, 23, 59, tzinfo=UTC)
    days = [first_day, first_day, first_day + timedelta(minutes=2)]
    bus.publish(*(trade("10", occurred_at=day) for day in days))

    bus.drain()

    assert said(bus, "Gamification.StreakUpdated") == [
        {"user_id": 7, "days": 1, "day": "2026-01-15"},
        {"user_id": 7, "days": 2, "day": "2026-01-16"},
    ]


def test_a_day_is_the_utc_day_whatever_the_sender_s_clock_says(bus: Bus) -> None:
    bus.publish(trade("10", occurred_at=datetime.fromisoformat("2026-01-16T01:30:00+02:00")))

    bus.drain()

    assert TraderRecord.objects.get(user_id=7).streak_day == date(2026, 1, 15)
