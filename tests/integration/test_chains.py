"""The two worked chains through real processes, with and without a murder in the middle."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.integration.deployment import CHAINS, Deployment
from tests.integration.ledgers import doubled_children
from tests.waiting import eventually

FIRST = UUID("0198c0de-0001-7000-8000-0000000000c1").hex
SECOND = UUID("0198c0de-0003-7000-8000-0000000000c3").hex

LINKS_OF_FIRST = {
    ("Gamification.XPGained", "Trading.TradeExecuted"),
    ("Social.SocialInteraction", "Gamification.XPGained"),
    ("Social.InfluenceUpdated", "Social.SocialInteraction"),
    ("User.ProfileUpdated", "Social.InfluenceUpdated"),
    ("Financial.RevenueRecorded", "Trading.TradeExecuted"),
}
LINKS_OF_SECOND = {
    ("Gamification.XPGained", "Trading.TradeExecuted"),
    ("Gamification.LevelUp", "Gamification.XPGained"),
    ("Social.FeedEntryCreated", "Gamification.LevelUp"),
    ("NFT.RewardDistributed", "Gamification.LevelUp"),
    ("User.ProfileUpdated", "Gamification.LevelUp"),
    ("Financial.RevenueRecorded", "Trading.TradeExecuted"),
}


def publish(deployment: Deployment, name: str) -> str:
    done = deployment.manage("publish", "--file", str(CHAINS / name))
    assert done.returncode == 0, done.stderr
    return done.stdout


def links(deployment: Deployment, correlation: str) -> list[tuple[str, str]]:
    """Type of child and parent, for every event of a chain that has a parent in it."""
    rows = deployment.rows(
        "SELECT c.event_type, p.event_type FROM events_storedevent c "
        "JOIN events_storedevent p ON p.event_id = c.causation_id AND p.correlation_id = ? "
        "WHERE c.correlation_id = ?",
        correlation,
        correlation,
    )
    return [(str(child), str(parent)) for child, parent in rows]


def complete(deployment: Deployment, correlation: str, wanted: set[tuple[str, str]]) -> bool:
    return wanted <= set(links(deployment, correlation))


def assert_exactly_once(
    deployment: Deployment, correlation: str, wanted: set[tuple[str, str]]
) -> None:
    found = links(deployment, correlation)
    assert {link: found.count(link) for link in wanted} == dict.fromkeys(wanted, 1)
    assert doubled_children(deployment) == []


@pytest.fixture
def prepared(deployment: Deployment) -> Deployment:
    """Both users as the chains need them: level 15 for the second."""
    worker = deployment.start("runworkers", "--no-supervisor")
    publish(deployment, "prepare-second.ndjson")
    eventually(deployment.idle, 60, "the preparation is through")
    assert deployment.stop(worker) == 0
    return deployment


def test_both_chains_come_out_and_publishing_again_changes_nothing(prepared: Deployment) -> None:
    prepared.start("runworkers", "--processes", "2")
    publish(prepared, "first.ndjson")
    publish(prepared, "second.ndjson")

    eventually(lambda: complete(prepared, FIRST, LINKS_OF_FIRST), 60, "the first chain")
    eventually(lambda: complete(prepared, SECOND, LINKS_OF_SECOND), 60, "the second chain")
    eventually(prepared.idle, 60, "all groups are through")
    stored = prepared.count("events_storedevent")

    assert "1 already known" in publish(prepared, "first.ndjson")
    assert "1 already known" in publish(prepared, "second.ndjson")
    eventually(prepared.idle, 60, "all groups are through again")
    assert prepared.count("events_storedevent") == stored
    assert_exactly_once(prepared, FIRST, LINKS_OF_FIRST)
    assert_exactly_once(prepared, SECOND, LINKS_OF_SECOND)
    facts = dict(
        prepared.rows(
            "SELECT event_type, json_extract(body, '$.data.amount') FROM events_storedevent "
            "WHERE correlation_id = ? AND event_type = 'Financial.RevenueRecorded'",
            SECOND,
        )
    )
    assert facts == {"Financial.RevenueRecorded": "5.00"}


def test_a_chain_is_complete_within_a_minute_of_its_workers_death(prepared: Deployment) -> None:
    # Thirty seconds, as in production: what the dead worker held waits for its lease to end.
    prepared.variables["ASTRA_LEASE_S"] = "30"
    victim = prepared.start("runworkers", "--no-supervisor")
    eventually(lambda: prepared.count("events_handledevent") > 0, 30, "the worker works")
    handled = prepared.count("events_handledevent")
    publish(prepared, "second.ndjson")
    eventually(lambda: prepared.count("events_handledevent") > handled, 30, "the chain began")
    prepared.kill(victim)
    prepared.start("runworkers", "--no-supervisor")

    eventually(lambda: complete(prepared, SECOND, LINKS_OF_SECOND), 60, "the second chain")

    eventually(prepared.idle, 60, "all groups are through")
    assert_exactly_once(prepared, SECOND, LINKS_OF_SECOND)
