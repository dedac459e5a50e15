"""Any id that is pasted is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from events import Event, Reject
from events.groups import groups
from events.models import StoredEvent
from events.operations import Actor, replay_dead_letters
from events.queries.find import Match, find
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break

OPERATOR = Actor("olga", "console", may_operate=True)


def only(text: str) -> Match:
    match = find(text).only
    assert match is not None
    return match


def test_a_correlation_id_is_a_chain_and_the_id_of_any_later_event_that_event(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    later = next(e for e in bus.events() if e.causation_id)

    assert (only(str(event.event_id)).kind, only(str(event.event_id)).key) == (
        "chain",
        str(event.correlation_id),
    )
    assert (only(f" {later.event_id} ").kind, only(str(later.event_id)).key) == (
        "event",
        str(later.event_id),
    )


@pytest.mark.parametrize(
    "text",
    [
        "Trading.TradeExecuted",
        "Trading.Trade.Executed",
        "Trading.TradeExecuted.v1",
        "TradeExecuted",
        "Trade.Executed",
    ],
)
def test_a_name_alias_or_version_is_its_type(bus: Bus, text: str) -> None:
    assert only(text) == Match("type", "Trading.TradeExecuted", "Trade executed", "trading")


def test_a_stream_is_found_by_its_name(bus: Bus) -> None:
    stream = "astra.trading.tradeexecuted.v1"

    assert only(stream) == Match("stream", stream, "stream of Trading.TradeExecuted.v1", "trading")
    assert find("astra.no.such.v1").exact == ()
    assert "stream" in find("astra.no.such.v1").tried


def test_a_group_is_found_by_its_name(bus: Bus) -> None:
    assert (only("revenue_trackers").kind, only("revenue_trackers").domain) == (
        "group",
        "financial",
    )


def test_an_entity_is_found_alone_or_with_what_it_is(bus: Bus) -> None:
    bus.publish(trade(user_id=777_001))

    assert only("777001") == Match("entity", "777001", "events about 777001", "trading")
    assert only("user:777001").kind == "entity"
    assert find("order:777001").exact == ()


def test_a_number_that_means_several_things_lists_them(bus: Bus, broken: Break) -> None:
    broken("revenue_trackers", Reject("no"))
    bus.publish(trade())
    bus.drain(groups())
    letter = bus.dead_letters()[0]
    operation = replay_dead_letters(OPERATOR, [letter.pk], "again")
    bus.publish(trade(user_id=letter.pk))

    kinds = {match.kind for match in find(str(letter.pk)).exact}

    assert kinds >= {"dead letter", "entity"}
    assert only(f"dead letter {letter.pk}").key == str(letter.pk)
    assert only(f"operation {operation.pk}").kind == "operation"


def test_the_event_of_a_dead_letter_is_found_when_the_store_has_forgotten_it(
    bus: Bus, broken: Break
) -> None:
    broken("revenue_trackers", Reject("no"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())
    StoredEvent.objects.all().delete()

    assert only(str(event.event_id)).kind == "dead letter"


def test_what_fits_nothing_says_what_was_tried_and_offers_names_that_contain_it(bus: Bus) -> None:
    found = find("reven")

    assert found.exact == ()
    assert "group" in found.tried
    assert ("group", "revenue_trackers") in {(match.kind, match.key) for match in found.near}


def test_no_more_than_ten_names_of_each_kind_are_offered(bus: Bus) -> None:
    kinds = Counter(match.kind for match in find("e").near)

    assert set(kinds) == {"group", "type"}
    assert max(kinds.values()) <= 10


def test_a_short_name_of_several_types_is_none_of_them(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.resolve("Trading.TradeExecuted")
    twin = replace(entry, name="Risk.TradeExecuted", aliases=())
    monkeypatch.setattr(type(registry), "all", lambda _: (entry, twin))

    found = find("TradeExecuted")

    assert found.exact == ()
    assert [match.key for match in found.near] == [entry.name, twin.name]


@pytest.mark.parametrize(
    "text", ["", "x" * 400, "\x00", "%", "9" * 40, str(UUID(int=7)), "a:b:c", "²"]
)
def test_odd_texts_find_nothing_and_break_nothing(bus: Bus, text: str) -> None:
    assert find(text).exact == ()


def test_an_event_of_any_type_can_be_found(bus: Bus) -> None:
    event = Event.new("Social.SocialInteraction", {"user_id": 9, "kind": "like"})
    root = trade()
    child = root.caused("Social.SocialInteraction", event.data)
    bus.publish(root, child)

    assert only(str(child.event_id)).title == "Social.SocialInteraction"
