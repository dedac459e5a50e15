"""Groups of a test's own, beside the declared ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from events.envelope import Event
from events.groups import Group, Handler, set_up
from events.retry import RetryPolicy
from tests.bus_fixture import Bus

TRADE = "Trading.TradeExecuted"


def trade(value: str = "1500.00", user_id: int = 123, **envelope: Any) -> Event:
    """A valid trade."""
    return Event.new(TRADE, {"user_id": user_id, "symbol": "STRK", "value": value}, **envelope)


@pytest.fixture
def group_of(bus: Bus) -> Callable[..., Group]:
    """Make a group of one or more functions that read trades, set up on the bus."""

    def make(*functions: Callable[..., None], name: str = "testers", **declared: Any) -> Group:
        policy = RetryPolicy(max_retries=declared.pop("max_retries", 3), base_s=5.0)
        handlers = tuple(
            Handler(function, name, "trading", (TRADE,), policy=policy, **declared)
            for function in functions
        )
        group = Group(name, "trading", handlers)
        set_up(bus.transport.streams, [group])
        return group

    return make
