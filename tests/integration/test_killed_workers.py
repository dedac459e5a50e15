"""Workers are killed while a simulated market trades; the ledgers must not show it."""

from __future__ import annotations

import pytest

from tests.integration import ledgers
from tests.integration.deployment import Deployment
from tests.waiting import eventually

TRADES = 1_200
KILLS = 4


@pytest.fixture
def traded(deployment: Deployment) -> Deployment:
    """1 200 trades made while the worker was killed four times, and everything through."""
    simulator = deployment.start("simulate", "--rate", "60", "--seed", "7", "--count", str(TRADES))
    for kill in range(1, KILLS + 1):
        worker = deployment.start("runworkers", "--no-supervisor")
        goal = kill * TRADES // (KILLS + 1)
        eventually(lambda goal=goal: traded_so_far(deployment) >= goal, 120, f"{goal} trades")
        deployment.kill(worker)
    deployment.start("runworkers", "--processes", "2")
    assert simulator.wait(120) == 0
    eventually(deployment.idle, 120, "everything is through")
    return deployment


def traded_so_far(deployment: Deployment) -> int:
    """Trades some group has handled: whoever is killed now was at work."""
    return deployment.count(
        "events_storedevent",
        "event_type = 'Trading.TradeExecuted' "
        "AND event_id IN (SELECT event_id FROM events_handledevent)",
    )


def test_nothing_is_lost_and_nothing_doubled(traded: Deployment) -> None:
    values = ledgers.trade_values(traded)
    experience = ledgers.said_by_trades(
        traded, "Gamification.XPGained", "gamification_xp_processors"
    )

    assert len(values) == TRADES
    assert traded.count("events_deadletter") == 0
    assert ledgers.lost_marks(traded) == []
    assert ledgers.doubled_children(traded) == []
    assert experience == {event_id: int(value >= 100) for event_id, value in values.items()}
    assert ledgers.revenue_kept(traded) == ledgers.revenue_told(traded)
    assert ledgers.volumes_kept(traded) == ledgers.volumes_told(traded)
    assert ledgers.experience_kept(traded) == ledgers.experience_told(traded)
