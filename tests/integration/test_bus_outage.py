"""The bus server goes away and comes back; SQL holds what was accepted meanwhile."""

from __future__ import annotations

from tests.integration.deployment import Deployment
from tests.integration.ledgers import doubled_children, lost_marks
from tests.waiting import eventually

TRADE = (
    '{"event_type": "Trading.TradeExecuted", '
    '"data": {"user_id": %d, "symbol": "STRK", "value": "1500.00"}}\n'
)


def publish(deployment: Deployment, *user_ids: int) -> None:
    lines = "".join(TRADE % user_id for user_id in user_ids)
    done = deployment.manage("publish", "--file", "-", text=lines)
    assert done.returncode == 0, done.stderr


def test_publishing_goes_on_without_a_bus_and_everything_recovers(deployment: Deployment) -> None:
    worker = deployment.start("runworkers", "--no-supervisor")
    publish(deployment, 1, 2)
    eventually(deployment.idle, 30, "the first trades are through")

    deployment.server.kill()
    publish(deployment, *range(3, 13))
    assert deployment.count("events_storedevent", "relayed_at IS NULL") == 10
    assert worker.poll() is None
    deployment.server.start()

    eventually(deployment.idle, 60, "everything is through")
    assert deployment.count("financial_revenueentry") == 12
    assert doubled_children(deployment) == []
    assert deployment.count("events_deadletter") == 0


def test_a_flushed_bus_is_set_up_again_and_goes_on(deployment: Deployment) -> None:
    deployment.start("runworkers", "--no-supervisor")
    publish(deployment, 1)
    eventually(deployment.idle, 30, "the first trade is through")

    deployment.server.flush()
    publish(deployment, 2)

    eventually(lambda: deployment.count("financial_revenueentry") == 2, 60, "the second trade")


def test_a_worker_that_is_asked_to_stop_leaves_nothing_behind(deployment: Deployment) -> None:
    worker = deployment.start("runworkers", "--no-supervisor")
    publish(deployment, *range(1, 51))
    eventually(lambda: deployment.count("events_handledevent") > 0, 30, "it works")

    assert deployment.stop(worker) == 0

    assert deployment.inspector.workers() == ()
    deployment.start("runworkers", "--no-supervisor")
    eventually(deployment.idle, 30, "the next one takes over at once")
    assert deployment.count("financial_revenueentry") == 50
    assert doubled_children(deployment) == []


def test_a_server_that_comes_back_empty_loses_nothing(deployment: Deployment) -> None:
    deployment.variables["ASTRA_RECONCILE_AFTER_S"] = "1"
    deployment.start("runscheduler")
    worker = deployment.start("runworkers", "--no-supervisor")
    publish(deployment, *range(1, 11))
    eventually(deployment.idle, 60, "the first trades are through")
    met = "incarnation <> ''"
    eventually(lambda: deployment.count("events_reconciliation", met), 30, "the server was met")
    deployment.kill(worker)
    publish(deployment, *range(11, 31))

    deployment.server.flush()
    deployment.start("runworkers", "--no-supervisor")

    told = "event_type = 'Gamification.XPGained'"
    eventually(lambda: deployment.count("events_storedevent", told) == 30, 60, "all are handled")
    eventually(lambda: lost_marks(deployment) == [], 60, "every group has its marks")
    assert doubled_children(deployment) == []
    assert deployment.count("events_auditentry", "action = 'bus.data-lost'") == 1
