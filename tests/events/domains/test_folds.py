"""What the domains' folds make of events, beside what their handlers made of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from events import Event, rebuild
from events.domains.gamification.models import Achievement, TraderRecord, XPProfile
from events.domains.nft.models import Token
from events.domains.trading.models import Order, Position, SymbolVolume
from events.management.simulation import Simulator
from events.management.traffic import Traffic
from events.registry import registry
from events.sourcing import _folds, folded_types
from events.validation import understood
from tests.bus_fixture import Bus


@pytest.fixture
def busy(bus: Bus) -> Bus:
    """A market that has traded for a while, everything handled."""
    for seed in (1, 2):
        Simulator(Traffic(seed), 10_000.0, threading.Event(), lambda line: None).run(90)
        bus.drain()
    return bus


def test_orders_and_positions_are_rebuilt_as_they_are_kept(busy: Bus) -> None:
    positions, orders = list(Position.objects.all()), list(Order.objects.all())

    assert min(len(positions), len(orders)) > 10
    assert {row.state for row in positions} == {"open", "closed"}
    for row in positions:
        state = rebuild("trading", row.pk).states["position"]
        assert (state["state"], state["user_id"]) == (row.state, row.user_id)
        assert (state["quantity"], state["price"]) == (row.quantity, row.price)
        assert (state["pnl"] or 0) == row.pnl
    for order in orders:
        state = rebuild("trading", order.pk).states["order"]
        assert (state["state"], state["price"]) == (order.state, order.price)


def test_volumes_are_rebuilt_as_they_are_kept(busy: Bus) -> None:
    for row in SymbolVolume.objects.all():
        volume = rebuild("trading", str(row.user_id)).states["user"]["volume"]
        assert volume[f"{row.symbol} {row.currency}"] == row.volume


def test_players_are_rebuilt_as_they_are_kept(busy: Bus) -> None:
    profiles = list(XPProfile.objects.all())

    assert len(profiles) > 10
    assert max(profile.level for profile in profiles) > 1
    for profile in profiles:
        state = rebuild("gamification", str(profile.user_id)).states["user"]
        assert (state["total_xp"], state["level"]) == (profile.total_xp, profile.level)
        won = Achievement.objects.filter(user_id=profile.user_id).values_list("name", flat=True)
        assert set(state.get("achievements", [])) <= set(won)  # the greatest of several is said
        assert bool(state.get("achievements")) == bool(won)
        record = TraderRecord.objects.filter(pk=profile.user_id).first()
        assert state.get("streak_days", 0) == (record.streak_days if record else 0)


def test_tokens_are_rebuilt_as_they_are_kept(busy: Bus) -> None:
    tokens = list(Token.objects.all())

    assert tokens
    for token in tokens:
        state = rebuild("nft", token.pk).states["token"]
        assert (state["owner_id"], state["name"]) == (token.owner_id, token.name)


@pytest.mark.parametrize("name", sorted(folded_types()))
def test_no_fold_shows_what_is_personal_or_secret(name: str) -> None:
    entry = registry.resolve(name)
    event, payload = understood(Event.new(name, entry.example))
    hidden: set[Any] = {event.data.get(field) for field in (*entry.personal, *entry.secret)}

    state = _folds[name]({}, event, payload)

    assert state
    assert not hidden & {value for value in state.values() if isinstance(value, str | int)}
