"""The registry beside what really flows."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events import Event
from events.envelope import now
from events.models import SeenType, StoredEvent
from events.queries.observed import LIVELY
from events.queries.snapshot import take
from events.registry import registry
from events.seen import note_seen
from monitoring import samples
from monitoring.views import registry as views
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.monitoring.pages import read

TRADE = "/registry/Trading.TradeExecuted/"
EARLIER = now() - timedelta(minutes=5)


def types_listed(page: str) -> int:
    """Of ``2 of 38 types`` the 2."""
    found = re.search(r"(\d+) of \d+\s+types", page)
    assert found, page
    return int(found[1])


def test_the_catalogue_tells_what_was_seen_and_is_narrowed_by_it(bus: Bus, viewer: Client) -> None:
    paid = {"payment_id": "p-1", "user_id": 7, "amount": "1.00", "purpose": "purchase"}
    note_seen([trade(), Event.new("Financial.PaymentCompleted.v1", paid)])
    session = Event.new("User.SessionStarted", {"user_id": 7, "session_id": "s", "device": "web"})
    note_seen([session])
    SeenType.objects.filter(event_type=session.event_type).update(last_at=now() - 2 * LIVELY)

    lively = read(viewer, "/registry/?seen=lively")
    silent = read(viewer, "/registry/?seen=silent")
    source = viewer.get("/registry/?seen=silent").content.decode()
    deprecated = read(viewer, "/registry/?seen=deprecated")

    assert types_listed(lively) == 2
    assert "TradeExecuted" in lively
    assert "not for 7 days" in silent
    assert 'href="/registry/Trading.TradeExecuted/"' not in source
    assert (types_listed(deprecated), "deprecated, still said" in deprecated) == (1, True)
    assert viewer.get("/registry/?seen=often").status_code == 400


def test_what_nobody_registers_is_named_above_the_catalogue(bus: Bus, viewer: Client) -> None:
    note_seen([trade()])
    SeenType.objects.update(event_type="Trading.LongGone")

    assert "Trading.LongGone" in read(viewer, "/registry/")
    assert "Trading.LongGone" not in read(viewer, "/registry/?q=trade")


def test_a_type_tells_who_says_it_and_whether_that_validates(bus: Bus, viewer: Client) -> None:
    good, bad = trade(producer="desk@1"), trade(producer="desk@2")
    bus.publish(good, bad)
    note_seen([good, bad])
    row = StoredEvent.objects.get(event_id=bad.event_id)
    row.body = row.body.replace('"STRK"', '"<strk>"')
    row.save()

    page = read(viewer, TRADE)

    assert "desk@1 v1 1" in page
    assert "some do not 0 of 1 do data.symbol" in page


def test_a_type_tells_what_follows_and_what_was_declared_and_did_not(
    bus: Bus, viewer: Client
) -> None:
    cause = trade(occurred_at=EARLIER)
    follower = Event.new(
        "Gamification.XPGained",
        {"user_id": 7, "xp": 1, "source": "trade", "reason": "Traded"},
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        occurred_at=EARLIER + timedelta(seconds=2),
    )
    bus.publish(cause, follower)

    page = read(viewer, TRADE)

    assert "XPGained 100 % after 2.0 s" in page
    assert "RevenueRecorded" in page.partition("declared, and not seen:")[2]


def test_a_type_of_several_versions_tells_what_each_changed(bus: Bus, viewer: Client) -> None:
    page = read(viewer, "/registry/Financial.PaymentCompleted/")

    assert "v2 method was added, and is required" in page
    assert "What each version changed" not in read(viewer, TRADE)
    assert "deprecated Say v2" in read(viewer, "/registry/Financial.PaymentCompleted.v1/")


def test_a_type_nobody_has_said_says_so(bus: Bus, viewer: Client) -> None:
    page = read(viewer, TRADE)

    assert "Not seen yet" in page
    assert "No event is old enough to tell" in page


def test_a_type_tells_how_its_rate_went(bus: Bus, viewer: Client) -> None:
    began = now()
    for minute in range(5):
        bus.publish(*(trade() for _ in range(60 * minute)))
        taken = take()
        at = began - timedelta(minutes=4 - minute)
        samples.record(at, samples.values_of(taken), needs=0)

    def sparkline(page: str) -> str:
        shown = viewer.get(page).content.decode()
        return shown.partition("<title>Events a second, ")[2].partition("<")[0]

    assert sparkline(TRADE) == "last 3\N{NO-BREAK SPACE}min: 1.0 to 4.0, now 4.0"
    assert sparkline("/registry/Gamification.LevelUp/").endswith("min: 0 to 0, now 0")


def test_the_pages_ask_as_many_statements_whatever_was_said(bus: Bus, viewer: Client) -> None:
    viewer.get(TRADE)
    asked = []
    for count in (1, 50):
        bus.publish(*(trade(occurred_at=EARLIER) for _ in range(count)))
        note_seen(bus.events())
        with CaptureQueriesContext(connection) as queries:
            viewer.get("/registry/")
            viewer.get(TRADE)
        asked.append(len(queries))

    assert asked[0] == asked[1]


def test_a_long_catalogue_has_pages_and_loses_no_type(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS", 20)
    path, found, pages = "/registry/", [], 0

    while path:
        source = viewer.get(path).content.decode()
        found += re.findall(r'<tr id="type-[^"]+".*?href="/registry/([^/]+)/"', source, re.DOTALL)
        following = re.search(r'href="(\?[^"]*start=[^"]*)">Next', source)
        path = f"/registry/{html.unescape(following[1])}" if following else ""
        pages += 1

    assert found == sorted({entry.name for entry in registry.all()})
    assert pages == 4
    assert "No more types" in read(viewer, "/registry/?start=5000")
    assert viewer.get("/registry/?start=-1").status_code == 400


def test_a_name_without_its_domain_leads_to_the_one_type_it_fits(viewer: Client) -> None:
    assert viewer.get("/registry/TradeExecuted/")["Location"] == TRADE
    assert viewer.get("/registry/NoSuchThing/").status_code == 404


def test_a_browser_that_asks_for_an_icon_is_given_one(client: Client) -> None:
    answer = client.get("/favicon.ico")

    assert answer["Location"].endswith("img/astra.svg")
    assert answer.status_code == 302  # its name changes with its content
