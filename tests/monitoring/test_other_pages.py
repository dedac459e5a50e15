"""Groups, workers, registry and search."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from events import Reject
from events.groups import groups
from events.transport.base import WorkerInfo
from monitoring import group_rows
from monitoring.attention import Flow
from monitoring.live import VIEWS
from monitoring.readings import readings
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import read
from tests.monitoring.snapshots import group as state_of


def worker(bus: Bus, **values: object) -> None:
    """A process that is alive."""
    at = datetime.now(UTC)
    given: dict[str, object] = {
        "name": "host:7:abc",
        "kind": "worker",
        "host": "host",
        "pid": 7,
        "version": "1.2.3",
        "started_at": at,
        "beat_at": at,
        "groups": tuple(group.name for group in groups()),
    }
    bus.transport.presence.beat(WorkerInfo(**{**given, **values}), 30)  # type: ignore[arg-type]


def test_groups_are_listed_with_what_waits_and_failed(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    broken("revenue_trackers", Reject("no"))
    bus.publish(trade())
    bus.drain(groups())
    worker(bus)

    page = read(viewer, "/groups/")

    assert page.index("revenue_trackers") < page.index("trading_internal")
    assert "1 failed" in page
    assert "keeps up" in page


def test_without_the_bus_the_groups_are_listed_as_unknown(bus: Bus, viewer: Client) -> None:
    with no_bus(bus):
        page = read(viewer, "/groups/")

    assert "trading_internal" in page
    assert "unknown" in page
    assert "keeps up" not in page


def test_open_tabs_are_sent_the_tables_of_groups_and_workers(bus: Bus) -> None:
    worker(bus)

    for view in ("groups", "workers"):
        (part,) = VIEWS[view][1](readings.current())
        assert part.startswith(f'<section class="panel" id="{view}">')


@pytest.mark.parametrize(
    ("values", "arriving", "finished", "expected"),
    [
        ({"lag": None}, 1.0, 1.0, ("warn", "unknown")),
        ({"lag": 100, "oldest_waiting_s": 60.0}, 5.0, 1.0, ("warn", "not draining")),
        ({"lag": 100, "oldest_waiting_s": 60.0}, 1.0, 6.0, ("warn", "drains in 20\u00a0s")),
        ({"workers": 0}, 0.0, 0.0, ("warn", "no worker")),
        ({"dead_letters": 2}, 0.0, 0.0, ("bad", "2 failed")),
        ({"retries_waiting": 1}, 0.0, 0.0, ("warn", "1\u00a0retry")),
        ({}, 1.0, 1.0, ("ok", "keeps up")),
    ],
)
def test_the_state_of_a_group_is_the_worst_that_is_true_of_it(
    values: dict[str, object], arriving: float, finished: float, expected: tuple[str, str]
) -> None:
    assert group_rows.outlook(state_of(**values), Flow(arriving, finished)) == expected


def test_one_group_shows_its_handlers_streams_failures_and_workers(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    broken("revenue_trackers", Reject("the ledger is closed"))
    bus.publish(trade())
    bus.drain(groups())
    worker(bus)

    page = read(viewer, "/groups/revenue_trackers/")

    for shown in ("astra.trading.tradeexecuted.v1", "the ledger is closed", "host:7:abc"):
        assert shown in page
    assert "RevenueRecorded always" in page


def test_without_the_bus_one_group_shows_what_it_declares(bus: Bus, viewer: Client) -> None:
    with no_bus(bus):
        page = read(viewer, "/groups/revenue_trackers/")

    assert "events.domains.financial.handlers" in page
    assert "unknown: the bus cannot be reached" in page


def test_an_unknown_group_names_those_there_are(viewer: Client) -> None:
    assert "Declared are achievement_processors" in read(viewer, "/groups/nobody/", status=404)


def test_workers_show_what_they_run_and_when_they_were_heard_of(bus: Bus, viewer: Client) -> None:
    worker(bus, handled=1204, rate_per_s=12.5, faults="reject:0.01")
    worker(bus, name="host:8:def", pid=8, groups=("revenue_trackers",), draining=True)

    page = read(viewer, "/workers/")

    for shown in ("host:7", "1 204", "12.5/s", "all 17", "faults injected"):
        assert shown in page
    assert "revenue_trackers" in page
    assert "draining" in page


def test_no_worker_and_no_bus_are_told_apart(bus: Bus, viewer: Client) -> None:
    alone = read(viewer, "/workers/")
    readings.forget()
    with no_bus(bus):
        gone = read(viewer, "/workers/")

    assert "No process is alive" in alone
    assert "Unknown while the bus cannot be reached" in gone


def test_the_registry_is_searched(viewer: Client) -> None:
    assert "NFTMinted" in read(viewer, "/registry/")
    found = read(viewer, "/registry/?q=minted&domain=nft")
    assert "NFTMinted" in found
    assert "MarketplaceSale" not in found
    assert "No type matches" in read(viewer, "/registry/?q=zzz")


def test_htmx_gets_the_catalogue_alone(viewer: Client) -> None:
    answer = viewer.get("/registry/?q=trade", headers={"HX-Request": "true"})

    assert answer.content.decode().startswith('<div class="stack" id="types">')


def test_one_type_shows_schema_example_readers_and_newest_events(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())

    page = read(viewer, "/registry/Trading.TradeExecuted/")

    for shown in (
        "decimal in a string",
        "Trading.Trade.Executed",
        "astra.trading.tradeexecuted.v1",
        "gamification_xp_processors",
        "services of trading",
        "value 1500.00",
    ):
        assert shown in page
    assert "personal" in read(viewer, "/registry/User.UserRegistered/")


def test_each_version_of_a_type_has_a_page_that_leads_to_the_others(
    bus: Bus, viewer: Client
) -> None:
    pages = [
        viewer.get(f"/registry/Financial.PaymentCompleted{suffix}/").content.decode()
        for suffix in ("", ".v1")
    ]

    assert ["bank_transfer" in page for page in pages] == [True, False]
    assert 'href="/registry/Financial.PaymentCompleted.v1/"' in pages[0]
    assert 'href="/registry/Financial.PaymentCompleted.v2/"' in pages[1]


def test_an_alias_leads_to_its_type_and_an_unknown_name_to_a_page_that_helps(
    viewer: Client,
) -> None:
    alias = viewer.get("/registry/Trading.Trade.Executed/")

    assert alias["Location"] == "/registry/Trading.TradeExecuted/"
    assert "There is no such event type" in read(viewer, "/registry/No.Such/", status=404)


def test_a_pasted_id_lands_on_its_page(bus: Bus, viewer: Client, broken: Break) -> None:
    broken("revenue_trackers", Reject("no"))
    event = trade(user_id=777_001)
    bus.publish(event)
    bus.drain(groups())
    (xp,) = bus.events("Gamification.XPGained")
    letter = bus.dead_letters()[0].pk

    for text, path in {
        str(event.correlation_id): f"/chains/{event.correlation_id}/",
        str(xp.event_id): f"/events/{xp.event_id}/",
        "revenue_trackers": "/groups/revenue_trackers/",
        "astra.trading.tradeexecuted.v1": "/streams/astra.trading.tradeexecuted.v1/",
        "Limit.Breached": "/registry/Risk.Limit.Breached/",
        "user:777001": "/events/?entity=user%3A777001",
        f"dead letter {letter}": f"/dead-letters/{letter}/",
    }.items():
        assert viewer.get("/search/", {"q": text})["Location"] == path


def test_what_fits_nothing_says_what_was_tried(viewer: Client) -> None:
    page = read(viewer, "/search/?q=reven")

    assert "Tried as correlation id" in page
    assert "revenue_trackers" in page
    assert "What are you looking for?" in read(viewer, "/search/")
    assert viewer.get("/search/?q=" + "x" * 401).status_code == 400


def test_what_fits_nothing_leads_to_the_types_and_groups_whose_name_contains_it(
    viewer: Client,
) -> None:
    source = viewer.get("/search/?q=achievement").content.decode()

    assert 'href="/registry/Gamification.AchievementUnlocked/"' in source
    assert 'href="/groups/achievement_processors/"' in source
