"""Short cells: real processes, a fault that must bite, and the oracle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.chaos.cells import complaints
from tests.chaos.conftest import SEED
from tests.chaos.proxy import lossy
from tests.chaos.rig import LEASE_S, Result, Rig, judged
from tests.servers import SqlServer
from tests.waiting import eventually

ENOUGH_LOST = 10
"""Replies dropped until a run says something."""


def under_way(rig: Rig, count: int) -> None:
    """Wait until handlers have met so many events."""
    eventually(lambda: len(rig.attempts()) >= count, 60, f"{count} attempts")


def check(result: Result, *, bit: int) -> None:
    assert bit, "the fault did not bite"
    assert result.evidence.accepted
    assert result.wrong == []


def test_killed_workers_lose_nothing_and_do_nothing_twice(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.publish(800, 800, "raise:0.05").wait(60)
    rig.work()

    for count in (300, 1_500):
        under_way(rig, count)
        rig.kill_busy_worker()
        rig.work()
    result = judged(rig)

    check(result, bit=result.redeliveries)


@pytest.mark.long
def test_killed_workers_on_postgresql_do_not_either(
    rig_of: Callable[..., Rig], postgres_url: str
) -> None:
    rig = rig_of(sql=postgres_url)
    rig.publish(1_000, 1_000, "raise:0.05").wait(60)
    rig.work()

    under_way(rig, 300)
    rig.kill_busy_worker()
    result = judged(rig)

    check(result, bit=result.redeliveries)


@pytest.mark.long
def test_sessions_that_postgresql_ends_only_cost_time(
    rig_of: Callable[..., Rig], postgres_url: str
) -> None:
    rig = rig_of(sql=postgres_url)
    rig.deployment.variables["PGAPPNAME"] = "worker"
    rig.work()
    workers = list(rig.workers)
    del rig.deployment.variables["PGAPPNAME"]
    rig.publish(500, 150)

    bit = 0
    for count in (200, 600, 1_000, 1_400):
        under_way(rig, count)
        bit += ended_sessions(rig)
    result = judged(rig)

    check(result, bit=bit)
    assert rig.workers == workers


@pytest.mark.long
def test_a_postgresql_that_is_killed_only_costs_time(
    rig_of: Callable[..., Rig], own_postgres: SqlServer
) -> None:
    rig = rig_of(sql=f"{own_postgres.url}postgres")
    rig.publish(1_000, 1_000, "raise:0.05").wait(60)
    rig.work()

    under_way(rig, 300)
    own_postgres.kill()
    eventually(lambda: complaints(rig), 60, "the workers miss it")
    bit = complaints(rig)
    own_postgres.start()
    result = judged(rig)

    check(result, bit=bit)


def test_a_zombie_does_nothing_twice(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.publish(1_000, 1_000).wait(60)
    rig.work()

    under_way(rig, 300)
    rig.freeze_worker(3 * LEASE_S)
    result = judged(rig)

    check(result, bit=result.redeliveries)


def test_poison_becomes_dead_letters_and_nothing_else_does(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.put_by_hand(b"\xff not json")
    rig.put_by_hand(json.dumps({"event_type": "Chaos.ThingAsked"}).encode())
    rig.work()
    for poison in ("raise:0.1", "hang:0.04"):
        rig.publish(50, 100, poison)

    result = judged(rig)

    check(result, bit=len(result.evidence.dead))
    assert {entry["poison"] for entry in rig.told().values()} == {"", "raise", "hang"}


@pytest.mark.long
def test_poison_that_kills_workers_takes_no_other_event_along(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    for poison in ("exit:0.02", "abort:0.02"):
        rig.publish(50, 100, poison)

    result = judged(rig)

    check(result, bit=result.redeliveries)


@pytest.mark.long
def test_a_killed_client_was_told_the_truth(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    for _ in range(3):
        client = rig.publish(10_000, 300)
        seen = len(rig.clients) * 150
        eventually(lambda seen=seen: len(rig.told()) >= seen, 60, "a client has published")
        rig.deployment.kill(client)

    result = judged(rig)

    check(result, bit=sum(entry["outcome"] == "asked" for entry in rig.told().values()))


@pytest.mark.long
def test_a_bus_that_is_killed_forgets_nothing(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    rig.publish(1_000, 150)

    under_way(rig, 300)
    rig.server.kill()
    eventually(lambda: waiting(rig) > 20, 60, "events wait in SQL")
    bit = waiting(rig)
    rig.server.start()
    result = judged(rig)

    check(result, bit=bit)


def test_a_bus_that_is_flushed_is_filled_again(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    eventually(lambda: met(rig), 60, "the reconciler has met this server")
    rig.publish(500, 150)

    under_way(rig, 200)
    rig.server.flush()
    result = judged(rig)

    check(result, bit=notes_of_loss(rig))


def test_a_bus_flushed_before_any_worker_ran_is_filled_again(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.publish(100, 300).wait(60)
    bit = len(rig.told()) - waiting(rig)

    rig.server.flush()
    result = judged(rig, patience_s=30)

    check(result, bit=bit)


@pytest.mark.long
def test_a_locked_database_only_costs_time(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    rig.publish(500, 100)

    under_way(rig, 200)
    with rig.locked_sql():
        before = len(rig.told())
        time.sleep(3 * LEASE_S)  # the fault is its length
        bit = len(rig.told()) - before <= 1
    result = judged(rig)

    check(result, bit=bit)


def test_replies_that_never_come_change_nothing(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    with lossy(rig.server.folder, rig.server.socket, SEED) as proxy:
        rig.lose_replies(proxy)
        rig.work()
        rig.publish(600, 150)
        under_way(rig, 100)
        proxy.losing = True
        eventually(lambda: proxy.dropped >= ENOUGH_LOST, 60, "replies are dropped")
        rig.clients[0].wait(60)
        proxy.losing = False
        result = judged(rig)

    check(result, bit=proxy.dropped)


def test_a_bus_without_memory_only_costs_time(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.work()
    rig.publish(1_000, 200, "raise:0.05")

    under_way(rig, 300)
    rig.short_of_memory(0)
    eventually(lambda: waiting(rig) > 50, 60, "events wait in SQL")
    bit = waiting(rig)
    rig.short_of_memory(None)
    result = judged(rig)

    check(result, bit=bit)


def waiting(rig: Rig) -> int:
    """Events in SQL that the bus has not got."""
    ((count,),) = rig.rows("SELECT count(*) FROM events_storedevent WHERE relayed_at IS NULL")
    return int(count)


def met(rig: Rig) -> bool:
    return bool(rig.rows("SELECT 1 FROM events_reconciliation WHERE incarnation <> ''"))


def notes_of_loss(rig: Rig) -> int:
    """How often the audit says that the bus came back without its data."""
    return len(rig.rows("SELECT 1 FROM events_auditentry WHERE action = 'bus.data-lost'"))


def ended_sessions(rig: Rig) -> int:
    """End every session of the workers, as a failover or an administrator does; how many."""
    return len(
        rig.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'worker' AND datname = current_database()"
        )
    )
