"""The streams, the least room first, and one stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.envelope import new_event_id
from events.queries.snapshot import Snapshot, StreamState, take
from events.registry import registry
from events.transport.base import Append, Handled, StreamInfo
from monitoring import samples
from monitoring.readings import readings
from monitoring.views import streams as views
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import no_bus
from tests.monitoring.pages import fragment, main_of, read
from tests.monitoring.snapshots import away
from tests.monitoring.test_stream_rows import GROUP, STREAM, measured, seen, standing

PAGE = f"/streams/{STREAM}/"

pytestmark = pytest.mark.django_db


@contextmanager
def shown(taken: Snapshot) -> Iterator[None]:
    """The pages see this snapshot."""
    before = readings._read
    readings._read = lambda: taken
    readings.forget()
    try:
        yield
    finally:
        readings._read = before


def order(source: str) -> list[str]:
    return re.findall(r'<tr id="stream-([^"]+)"', source)


def bus_calls(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a name at every look at the bus."""
    asked: list[str] = []

    def counted(name: str) -> None:
        real = getattr(bus.memory, name)

        def call(*args: object) -> object:
            asked.append(name)
            return real(*args)

        monkeypatch.setattr(bus.memory, name, call)

    for name in ("streams", "server", "retries", "next_undelivered", "memory_bytes", "newest"):
        counted(name)
    return asked


def test_every_stream_is_listed_and_leads_to_its_page(bus: Bus, viewer: Client) -> None:
    source = viewer.get("/streams/").content.decode()

    assert sorted(order(source)) == sorted(entry.stream for entry in registry.all())
    assert f'href="{PAGE}"' in source


def test_a_row_tells_length_memory_and_who_is_furthest_behind(bus: Bus, viewer: Client) -> None:
    bus.publish(*(trade() for _ in range(1_204)))
    bus.transport.streams.read("trading_internal", "one", [STREAM], 4, 1)
    for group in (group.name for group in bus.groups if STREAM in group.streams):
        if group != "trading_internal":
            deliveries = bus.transport.streams.read(group, "one", [STREAM], 1_000, 1)
            bus.transport.streams.settle(group, [Handled(delivery) for delivery in deliveries])

    page = read(viewer, "/streams/?q=tradeexecuted")

    taken = bus.memory.memory_bytes([STREAM])[STREAM]
    assert "1 of 66 streams" in page
    assert "TradeExecuted v1 unknown 1 204" in page
    assert f"{round(taken / 1000)} kB 7 trading_internal 1 200 + 4 pending" in page


def test_less_than_an_hour_is_red_and_said_at_the_top(viewer: Client) -> None:
    now = seen(standing(STREAM, 97_000), standing("b", 0))
    measured(now, {STREAM: 96_900, "b": 0})

    with shown(now):
        page, source = read(viewer, "/streams/"), viewer.get("/streams/").content.decode()

    assert "1 short of room" in page
    assert '<span class="status bad">50\N{NO-BREAK SPACE}min</span>' in source


def test_enough_room_is_said(viewer: Client) -> None:
    now = seen(standing(STREAM, 0))
    measured(now, {STREAM: 0})

    with shown(now):
        assert "enough room" in read(viewer, "/streams/")


def test_room_that_nobody_knows_says_why(viewer: Client) -> None:
    with shown(seen(standing(STREAM, 5), standing("b", 0))):
        page = read(viewer, "/streams/")

    assert "Room of all: unknown, because nothing was measured a minute ago." in page
    assert "enough room" not in page


def test_a_lag_that_the_server_does_not_know_is_not_shown_as_none(viewer: Client) -> None:
    with shown(seen(standing(STREAM, None))):
        assert "revenue_trackers lag unknown" in read(viewer, "/streams/")


def test_what_is_pending_alone_is_told_as_such(viewer: Client) -> None:
    with shown(seen(standing(STREAM, 0, pending=2))):
        assert "revenue_trackers 2 pending" in read(viewer, "/streams/")


def test_a_stream_that_nobody_reads_says_so(viewer: Client) -> None:
    alone = StreamState(
        STREAM, "trading", "Trading.TradeExecuted", StreamInfo(STREAM, 3, "1-0", "2-0", 3)
    )
    with shown(seen(alone)):
        assert "nobody reads it" in read(viewer, "/streams/")
        assert "nobody reads it" in read(viewer, PAGE)


def test_the_filter_is_in_the_address_and_stays_in_the_form(bus: Bus, viewer: Client) -> None:
    source = viewer.get("/streams/?q=TradeExecuted&domain=trading").content.decode()

    assert order(source) == [STREAM]
    assert 'value="TradeExecuted"' in source
    assert "<option selected>trading</option>" in source
    assert order(viewer.get("/streams/?domain=nft").content.decode())
    assert not order(viewer.get("/streams/?q=executed&domain=nft").content.decode())
    assert order(viewer.get("/streams/?q=Trading.TradeExecuted").content.decode()) == [STREAM]


def test_what_matches_nothing_offers_to_clear_the_filter(bus: Bus, viewer: Client) -> None:
    page = read(viewer, "/streams/?q=zzz")

    assert "No stream matches" in page
    assert "Clear the filter" in page


def test_a_bus_without_streams_says_how_to_make_them(bus: Bus, viewer: Client) -> None:
    bus.memory.flush()

    page = read(viewer, "/streams/")

    assert "No streams yet" in page
    assert "manage.py setup_streams" in page


def test_without_any_registered_type_it_says_the_same(viewer: Client) -> None:
    with shown(seen()):
        assert "No streams yet" in read(viewer, "/streams/")


def test_a_stream_that_is_not_set_up_is_told_apart(bus: Bus, viewer: Client) -> None:
    del bus.memory._streams[STREAM]

    assert "TradeExecuted v1 not set up" in read(viewer, "/streams/?q=tradeexecuted")
    assert "manage.py setup_streams" in read(viewer, PAGE)


def test_htmx_gets_the_list_alone(bus: Bus, viewer: Client) -> None:
    source = fragment(viewer, "/streams/?q=tradeexecuted", "streams")

    assert source.startswith('<section class="panel" id="streams">')
    assert order(source) == [STREAM]


def test_a_long_list_has_pages_and_loses_no_stream(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS", 40)

    first = viewer.get("/streams/?domain=").content.decode()
    second = viewer.get("/streams/?start=40").content.decode()

    assert 'href="?start=40">Next' in first
    assert len(order(first)) == 40
    assert sorted(order(first) + order(second)) == sorted(e.stream for e in registry.all())
    assert "Previous" in second
    assert "Next" not in second
    assert "No more streams" in read(viewer, "/streams/?start=500")
    assert 'href="?q=a&amp;start=40">Next' in viewer.get("/streams/?q=a").content.decode()
    assert viewer.get("/streams/?start=-1").status_code == 400


def test_one_stream_shows_its_figures_groups_and_newest_entries(bus: Bus, viewer: Client) -> None:
    events = [trade(f"{n}.00") for n in range(1, 24)]
    bus.publish(*events)
    bus.transport.streams.read(GROUP, "one", [STREAM], 3, 1)

    page, source = read(viewer, PAGE), viewer.get(PAGE).content.decode()

    assert "TradeExecuted v1 astra.trading.tradeexecuted.v1" in page
    assert "Entries 23" in page
    assert "revenue_trackers financial 20 3" in page
    assert "value 23.00" in page
    assert "value 4.00" in page
    assert "value 3.00" not in page
    assert f'href="/events/{events[-1].event_id}/"' in source
    assert f'href="/groups/{GROUP}/"' in source
    assert 'href="/registry/Trading.TradeExecuted.v1/"' in source
    assert f"redis-cli XINFO STREAM {STREAM}" in page
    assert f"redis-cli XREVRANGE {STREAM} + - COUNT 20" in page


def test_one_stream_tells_its_memory_and_how_much_there_ever_was(bus: Bus, viewer: Client) -> None:
    bus.publish(*(trade() for _ in range(5)))
    bus.memory._streams[STREAM].added = 1_300

    page = read(viewer, PAGE)

    assert "Entries 5 of 1 300 ever" in page
    assert re.search(r"Memory \d\.\d kB", page)


def test_room_of_one_stream_is_a_sentence(viewer: Client) -> None:
    now = seen(standing(STREAM, 97_000))
    measured(now, {STREAM: 96_900})

    with shown(now):
        page = read(viewer, PAGE)

    assert "Room about 50 min until nothing is added to the stream" in page
    with shown(seen(standing(STREAM, None))):
        assert "Room unknown, because the server lost count" in read(viewer, PAGE)


def test_a_stream_draws_its_last_hour(viewer: Client) -> None:
    now = seen(standing(STREAM, 0, added=700))
    for minute in range(1, 5):
        then = seen(standing(STREAM, 0, added=400 + 60 * minute))
        samples.record(now.at - timedelta(minutes=5 - minute), samples.values_of(then), 0)

    with shown(now):
        assert "Entries a second, last" in viewer.get(PAGE).content.decode()


def test_an_entry_that_is_no_event_is_shown_as_such(bus: Bus, viewer: Client) -> None:
    bus.transport.streams.append([Append(STREAM, new_event_id(), b"\xff")])

    page = read(viewer, PAGE)

    assert "unreadable" in page
    assert "not an event of ours" in page


def test_groups_that_are_missing_or_foreign_are_told_on_the_page(bus: Bus, viewer: Client) -> None:
    del bus.memory._streams[STREAM].groups[GROUP]
    bus.transport.streams.ensure_group(STREAM, "of_another_app")

    page = read(viewer, PAGE)

    assert "revenue_trackers not set up" in page
    assert "of_another_app declared by nobody" in page


def test_a_stream_with_nothing_on_it_says_how_to_get_something(bus: Bus, viewer: Client) -> None:
    page = read(viewer, PAGE)

    assert "Nothing on it" in page
    assert "manage.py simulate" in page


def test_an_unknown_stream_is_a_page_that_helps(viewer: Client) -> None:
    page = read(viewer, "/streams/astra.no.such.v1/", status=404)

    assert "There is no such stream" in page
    assert "the page Streams lists them" in page


def test_without_the_bus_both_pages_come_and_say_what_is_missing(bus: Bus, viewer: Client) -> None:
    with no_bus(bus):
        listed, one = read(viewer, "/streams/?q=executed"), read(viewer, PAGE)

    assert "figures unknown: the bus cannot be reached" in listed
    assert "TradeExecuted" in listed
    for wrong in ("not set up", "none yet", "nobody reads it"):
        assert wrong not in listed + one
    assert "enough room" not in listed
    assert "Unknown while the bus cannot be reached" in one
    assert "connection refused" in one
    assert "revenue_trackers" in one


def test_a_bus_that_was_just_away_is_not_asked_again(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = bus_calls(bus, monkeypatch)
    unread = StreamState(STREAM, "trading", "Trading.TradeExecuted")
    with shown(replace(away(), streams=(unread,))):
        read(viewer, "/streams/")
        read(viewer, PAGE)

    assert not asked


def test_a_bus_that_goes_away_after_the_snapshot_leaves_the_rest(bus: Bus, viewer: Client) -> None:
    bus.publish(trade())
    with shown(take()), no_bus(bus):
        listed, one = read(viewer, "/streams/?q=executed"), read(viewer, PAGE)

    assert "TradeExecuted v1 unknown 1" in listed
    assert "Memory —" in one
    assert "Unknown while the bus cannot be reached" in one
    assert "Entries 1" in one


def test_the_list_costs_the_same_whatever_number_of_streams_there_is(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.get("/streams/")
    asked, costs = bus_calls(bus, monkeypatch), []
    for path in ("/streams/?q=executed", "/streams/"):
        readings.forget()
        asked.clear()
        with CaptureQueriesContext(connection) as queries:
            viewer.get(path)
        costs.append((len(queries), sorted(asked)))

    assert costs[0] == costs[1]
    assert costs[0][1] == ["memory_bytes", "next_undelivered", "retries", "server", "streams"]


def test_one_stream_costs_the_same_whatever_number_of_groups_is_behind(
    bus: Bus, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.get(PAGE)
    asked, costs = bus_calls(bus, monkeypatch), []
    for count in (0, 50):
        bus.publish(*(trade() for _ in range(count)))
        with shown(take()), CaptureQueriesContext(connection) as queries:
            asked.clear()
            viewer.get(PAGE)
        costs.append((len(queries), sorted(asked)))

    assert costs[0] == costs[1]
    assert costs[0][1] == ["memory_bytes", "newest"]


@pytest.mark.parametrize("path", ["/streams/", PAGE])
def test_who_is_not_signed_in_is_asked_to(bus: Bus, path: str) -> None:
    assert Client().get(path)["Location"].startswith("/login/")


@pytest.mark.parametrize("path", ["/streams/", PAGE])
def test_streams_have_a_place_on_the_rail_and_a_key(bus: Bus, viewer: Client, path: str) -> None:
    source = viewer.get(path).content.decode()

    assert 'href="/streams/" data-key="s" aria-current="page"' in source
    assert source.index('href="/events/" data-key') < source.index('href="/streams/" data-key')
    assert "<kbd>g</kbd> <kbd>s</kbd>" in source


def test_a_type_and_a_group_lead_to_the_streams(bus: Bus, viewer: Client) -> None:
    for path in ("/registry/Trading.TradeExecuted/", f"/groups/{GROUP}/"):
        assert f'href="{PAGE}"' in viewer.get(path).content.decode()


def test_hostile_text_in_the_address_is_escaped(bus: Bus, viewer: Client) -> None:
    answer = viewer.get("/streams/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")

    assert "<script>alert" not in answer.content.decode()
    assert "No stream matches" in main_of(answer)  # type: ignore[arg-type]
