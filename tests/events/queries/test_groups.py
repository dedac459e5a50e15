"""One consumer group."""

from __future__ import annotations

from events import Reject
from events.groups import groups
from events.queries import groups as query
from events.queries import snapshot
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus


def shown(name: str) -> query.GroupView:
    view = query.load(name, snapshot.take())
    assert view is not None
    return view


def test_a_group_shows_what_its_handlers_declare(bus: Bus) -> None:
    view = shown("social_feed_generators")

    assert "Gamification.XPGained" in view.reads
    assert "Social.FeedEntryCreated" in view.says
    narrowed = {words for handler in view.handlers for words in handler.narrowed}
    assert narrowed == {"source is trade", "source is not trade"}
    assert all(handler.summary for handler in view.handlers)


def test_the_stream_where_most_waits_comes_first(bus: Bus) -> None:
    bus.publish(trade(), trade())

    places = shown("trading_internal").places

    assert (places[0].event_type, places[0].lag) == ("Trading.TradeExecuted", 2)
    assert {place.lag for place in places[1:]} == {0}


def test_a_stream_the_group_is_not_set_up_on_says_so(bus: Bus) -> None:
    del bus.memory._streams["astra.trading.tradeexecuted.v1"].groups["trading_internal"]

    first = shown("trading_internal").places[0]

    assert (first.missing, first.lag) == (True, None)


def test_newest_failures_are_those_of_the_group(bus: Bus, broken: Break) -> None:
    broken("revenue_trackers", Reject("no"))
    bus.publish(trade())
    bus.drain(groups())

    assert [letter.error_class for letter in shown("revenue_trackers").failures] == ["Reject"]
    assert shown("trading_internal").failures == ()


def test_without_the_bus_the_declaration_is_shown_and_the_figures_are_unknown(bus: Bus) -> None:
    with no_bus(bus):
        view = shown("trading_internal")

    assert view.handlers
    assert {place.lag for place in view.places} == {None}
    assert not any(place.missing for place in view.places)


def test_a_group_nobody_declares_is_none(bus: Bus) -> None:
    assert query.load("nobody", snapshot.take()) is None
    assert "trading_internal" in query.names()
