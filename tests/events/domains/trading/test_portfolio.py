"""What a trading desk works out and reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.trading import portfolio, services
from events.domains.trading.models import Execution, Portfolio, Position, ProfitAndLoss, Signal
from events.domains.trading.services import TradingRefused
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept

PRICES = {"STRK": Decimal(110), "ETH-USD": Decimal(3000)}


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def opened(symbol: str = "STRK", side: str = "long", quantity: str = "2") -> str:
    """Id of a position of user 7, entered at 100."""
    return services.open_position(7, symbol, side, Decimal(quantity), Decimal(100)).entity_id


def filled() -> str:
    """Id of an order that was filled."""
    order_id = services.place_order(7, "STRK", "buy", Decimal(3)).entity_id
    services.fill_order(order_id, Decimal("1.30"))
    return order_id


def test_a_signal_is_kept_and_said_together(bus: Bus) -> None:
    said = portfolio.generate_signal(
        "STRK", "buy", 0.85, model="momentum", metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    assert (said.entity_id, said.data["confidence"], said.synthetic) == ("STRK", 0.85, True)
    row = Signal.objects.get(pk=said.data["signal_id"])
    assert (row.action, row.model, row.generated_at) == ("buy", "momentum", said.occurred_at)


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (lambda: portfolio.generate_signal("STRK", "buy", 1.01), "confidence"),
        (lambda: portfolio.generate_signal("STRK", "BUY", 0.9), "action"),  # type: ignore[arg-type]
        (lambda: portfolio.generate_signal("strk", "buy", 0.9), "symbol"),
    ],
)
def test_what_cannot_be_said_is_not_done(
    bus: Bus, refused: Callable[[], Event], field: str
) -> None:
    with pytest.raises(InvalidEvent, match=rf"data\.{field}"):
        refused()

    assert not Signal.objects.exists()
    assert bus.events() == []


def test_a_filled_order_is_reported_as_executed_once(bus: Bus) -> None:
    order_id = filled()
    said = portfolio.report_execution(order_id, "starknet")

    with pytest.raises(TradingRefused, match="was executed at starknet"):
        portfolio.report_execution(order_id, "kraken")

    assert bus.events("Trading.OrderExecuted") == [said]
    assert (said.entity_id, said.data["price"], said.data["quantity"]) == (order_id, "1.30", "3.00")
    assert Execution.objects.get().venue == "starknet"


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (lambda: services.place_order(7, "STRK", "buy", Decimal(3)).entity_id, "is placed"),
        (lambda: "order-x", "is not known"),
    ],
)
def test_an_order_that_is_not_filled_was_executed_nowhere(
    bus: Bus, order: Callable[[], str], why: str
) -> None:
    order_id = order()

    with pytest.raises(TradingRefused, match=why):
        portfolio.report_execution(order_id, "starknet")

    assert not Execution.objects.exists()
    assert bus.events("Trading.OrderExecuted") == []


def test_neither_a_fill_nor_an_execution_counts_as_volume(bus: Bus) -> None:
    portfolio.report_execution(filled(), "starknet")

    bus.drain()

    assert kept("trading")["SymbolVolume"] == []
    assert {event.domain for event in bus.events()} == {"trading"}


def test_profit_and_loss_are_of_what_closed_today_and_of_what_is_open(bus: Bus) -> None:
    services.close_position(opened(), Decimal("90.50"))
    opened(), opened("ETH-USD", "short", "0.5")

    said = portfolio.update_pnl(7, PRICES, metadata={"synthetic": True})

    row = ProfitAndLoss.objects.get(pk=7)
    assert (said.data["realised"], said.data["unrealised"]) == ("-19.00", "-1430.00")
    assert (row.realised, row.unrealised) == (Decimal(-19), Decimal(-1430))
    assert (row.as_of, said.data["day"]) == (said.occurred_at, f"{row.day}")
    assert said.synthetic


def test_what_closed_before_today_is_not_counted_again(bus: Bus) -> None:
    services.close_position(opened(), Decimal(90))
    Position.objects.update(as_of=datetime.now(UTC) - timedelta(days=1))

    with pytest.raises(TradingRefused, match="has closed nothing today"):
        portfolio.update_pnl(7, PRICES)

    assert not ProfitAndLoss.objects.exists()
    assert bus.events("Trading.PnL.Updated") == []


def test_a_portfolio_is_valued_long_and_short_alike(bus: Bus) -> None:
    services.close_position(opened(), Decimal(90))
    opened(), opened("ETH-USD", "short", "0.5")

    said = portfolio.update_portfolio(7, PRICES, metadata={"synthetic": True})

    row = Portfolio.objects.get(pk=7)
    assert (said.data["value"], said.data["cost"]) == ("1720.00", "250.00")
    assert (row.positions, row.value, row.cost) == (2, Decimal(1720), Decimal(250))
    assert (row.as_of, said.synthetic) == (said.occurred_at, True)


def test_who_holds_nothing_has_a_portfolio_worth_nothing(bus: Bus) -> None:
    said = portfolio.update_portfolio(8, {})

    assert (said.data["positions"], said.data["value"]) == (0, "0.00")


@pytest.mark.parametrize("work_out", [portfolio.update_pnl, portfolio.update_portfolio])
def test_what_has_no_price_cannot_be_valued(bus: Bus, work_out: Callable[..., Event]) -> None:
    opened("BTC-USD")

    with pytest.raises(TradingRefused, match="user 7 holds BTC-USD"):
        work_out(7, PRICES)

    assert kept("trading")["ProfitAndLoss"] == kept("trading")["Portfolio"] == []
    assert [event.event_type for event in bus.events()] == ["Trading.Position.Opened"]


@pytest.mark.parametrize(
    ("service", "model"),
    [
        (lambda: portfolio.generate_signal("STRK", "buy", 0.85), "Signal"),
        (lambda: portfolio.report_execution(filled(), "starknet"), "Execution"),
        (lambda: opened() and portfolio.update_pnl(7, PRICES), "ProfitAndLoss"),
        (lambda: portfolio.update_portfolio(7, PRICES), "Portfolio"),
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, service: Callable[[], Event], model: str
) -> None:
    monkeypatch.setattr(portfolio, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service()

    assert kept("trading")[model] == []
