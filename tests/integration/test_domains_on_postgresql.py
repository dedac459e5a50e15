"""The read models on PostgreSQL, while several workers change the same few users at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise
from random import Random

from django.db import connections

from events import Event
from events.domains.analytics.models import MinuteMetric
from events.domains.financial.models import RevenueEntry
from events.domains.gamification.models import Standing, TraderRecord, XPProfile
from events.domains.trading.models import BattleTrader, RiskProfile, SymbolVolume
from events.domains.trading.services import join_clan_battle
from events.models import HandledEvent
from events.worker import Worker
from tests.bus_fixture import Bus

USERS = range(1, 9)
WORKERS = 4


def test_many_workers_on_few_users_leave_exact_sums(on_postgresql: None, bus: Bus) -> None:
    for user_id in USERS:
        join_clan_battle(user_id, f"clan-{user_id % 2}", "battle-1")
    draw = Random(5)
    trades, positions = [trade(draw) for _ in range(300)], some_positions(draw)
    bus.publish(*trades, *positions)

    at_once(lambda: Worker(list(bus.groups)).run_once())

    traded = by_user(trades, "value")
    gained = by_user(bus.events("Gamification.XPGained"), "xp")
    scored = by_user(bus.events("Trading.ClanBattleScoreUpdated"), "points")
    assert bus.dead_letters() == []
    assert {row.user_id: row.volume for row in TraderRecord.objects.all()} == traded
    assert {row.user_id: row.day_volume for row in RiskProfile.objects.all()} == traded
    assert volumes() == traded
    assert {row.user_id: row.total_xp for row in XPProfile.objects.all()} == gained
    assert all_time_scores() == gained
    assert {row.user_id: row.points for row in BattleTrader.objects.all()} == scored
    assert {row.user_id: row.exposure for row in RiskProfile.objects.all()} == by_user(
        [event for event in positions if event.event_type.endswith("Modified")], "price"
    )


def test_many_workers_on_few_users_say_everything_once(on_postgresql: None, bus: Bus) -> None:
    draw = Random(6)
    trades = [trade(draw) for _ in range(200)]
    bus.publish(*trades)

    at_once(lambda: Worker(list(bus.groups)).run_once())

    stored = bus.events()
    levels = defaultdict(list)
    for event in bus.events("Gamification.LevelUp"):
        levels[event.data["user_id"]].append((event.data["from_level"], event.data["to_level"]))
    assert bus.dead_letters() == []
    assert sum(row.count for row in MinuteMetric.objects.all()) == len(stored)
    assert RevenueEntry.objects.count() == len(trades)
    assert len(bus.events("Gamification.StreakUpdated")) == len(by_user(trades, "value"))
    for steps in levels.values():
        reached = [(0, 1), *sorted(steps)]
        assert all(before[1] == after[0] for before, after in pairwise(reached))


def at_once(work: Callable[[], int]) -> None:
    """Let several workers drain the bus together, until none of them finds anything."""

    def round_of_work(_: int) -> int:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        while sum(pool.map(round_of_work, range(WORKERS))):
            pass
    connections.close_all()
    assert HandledEvent.objects.exists()


def trade(draw: Random) -> Event:
    value = Decimal(draw.randint(10_00, 20_000_00)).scaleb(-2)
    data = {"user_id": draw.choice(USERS), "symbol": draw.choice("ABC"), "value": value}
    return Event.new("Trading.TradeExecuted", data)


def some_positions(draw: Random) -> list[Event]:
    """Positions that were opened and then made half as large."""
    said = []
    for number in range(40):
        data = {
            "position_id": f"p-{number}",
            "user_id": draw.choice(USERS),
            "symbol": "A",
            "side": "long",
            "quantity": "2",
            "price": Decimal(draw.randint(1_00, 900_00)).scaleb(-2),
        }
        said.append(Event.new("Trading.Position.Opened", data))
        said.append(Event.new("Trading.Position.Modified", {**data, "quantity": "1"}))
    draw.shuffle(said)
    return said


def by_user(events: list[Event], field: str) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for event in events:
        sums[event.data["user_id"]] += Decimal(event.data[field])
    return dict(sums)


def volumes() -> dict[int, Decimal]:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for row in SymbolVolume.objects.all():
        sums[row.user_id] += row.volume
    return dict(sums)


def all_time_scores() -> dict[int, int]:
    return dict(Standing.objects.filter(board="all_time").values_list("user_id", "score"))
