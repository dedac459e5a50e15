"""The catalogue of event types."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events import Payload
from events.queries import types
from events.queries.type_fields import Field, fields_of
from events.queries.type_form import inputs
from events.queries.types import TypeView
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade

pytestmark = pytest.mark.django_db


def field(view: TypeView, name: str) -> Field:
    return next(found for found in view.fields if found.name == name)


def shown(name: str) -> TypeView:
    view = types.load(name)
    assert view is not None
    return view


@pytest.mark.parametrize("name", types.names())
def test_every_type_can_be_shown_with_a_row_for_each_field(name: str) -> None:
    view = shown(name)

    assert [found.name for found in view.fields] == list(view.entry.payload.model_fields)
    assert sum(found.entity for found in view.fields) == 1
    assert all(found.type for found in view.fields)


def test_fields_say_type_bounds_default_and_mark() -> None:
    trade_type, user_type = shown("Trading.TradeExecuted"), shown("User.UserRegistered")

    assert field(trade_type, "value").type == "decimal in a string"
    assert "more than 0" in field(trade_type, "value").constraints
    assert field(trade_type, "side").constraints == ("buy, sell", "buy when absent")
    assert (field(trade_type, "trade_id").required, field(trade_type, "symbol").required) == (
        False,
        True,
    )
    assert field(user_type, "email").mark == "personal"


class Parcel(Payload):
    """A parcel, in which another may be."""

    parcel_id: str
    weight_g: int = 0
    inside: Parcel | None = None


def test_a_payload_that_holds_itself_is_shown_and_has_a_form() -> None:
    user = registry.resolve("User.UserRegistered")
    entry = replace(user, name="Parcel.Sent", entity_field="parcel_id", payload=Parcel)

    fields = {one.name: (one.type, one.required) for one in fields_of(entry)}
    kinds = {one.name: one.kind for one in inputs(entry, {})}

    assert fields["parcel_id"] == ("string", True)
    assert fields["weight_g"] == ("integer", False)
    assert kinds == {"parcel_id": "text", "weight_g": "number", "inside": "json"}


def test_a_type_says_who_says_and_who_reads_it() -> None:
    view = shown("Gamification.XPGained")

    assert view.said_by == (("gamification_xp_processors", "gamification"),)
    readers = {reader.group: reader for reader in view.readers}
    assert readers["metrics_collectors"].everything
    assert "Social.SocialInteraction" in readers["social_feed_generators"].says


def test_an_alias_leads_to_the_type_and_an_unknown_name_to_nothing() -> None:
    assert shown("Trading.Trade.Executed").entry.name == "Trading.TradeExecuted"
    assert types.load("No.SuchType") is None
    assert (types.known("Trading.Trade.Executed"), types.known("No.SuchType")) == (True, False)


def test_the_newest_events_of_a_type_are_shown(bus: Bus) -> None:
    event = trade()
    bus.publish(trade(), event)

    assert shown("Trading.TradeExecuted").newest[0].id == event.event_id


def test_the_catalogue_is_searched_by_name_description_alias_and_stream() -> None:
    everything = types.catalogue()

    assert [row.name for row in everything.rows] == sorted({e.name for e in registry.all()})
    assert everything.total == len(everything.rows)
    for text in ("tradeexecuted", "trade.executed", "astra.trading.tradeexecuted", "volume"):
        assert "Trading.TradeExecuted" in {row.name for row in types.catalogue(text).rows}
    assert types.catalogue("zzz").rows == ()


def test_a_type_stands_in_the_catalogue_once_in_its_newest_version() -> None:
    (row,) = types.catalogue("PaymentCompleted").rows

    assert (row.version, row.versions) == (2, 2)
    assert row.readers == 5
    assert (shown("Financial.PaymentCompleted.v1").entry.version, shown(row.name).versions) == (
        1,
        (1, 2),
    )


def test_the_catalogue_is_narrowed_by_domain_and_owner() -> None:
    rows = types.catalogue(domain="nft").rows

    assert {row.domain for row in rows} == {"nft"}
    assert types.catalogue(owner="nobody").rows == ()
