"""The simulator: its traffic through all groups, its pace, and what it survives."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import StringIO
from itertools import chain, repeat
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, transaction

from events import BusUnavailable, Event
from events.domains.trading.models import SymbolVolume, Trade, TradingReward
from events.domains.trading.services import TradingRefused
from events.management.simulation import Simulator
from events.management.steps import Step
from events.management.traffic import TRADE, Traffic
from events.registry import registry
from tests.bus_fixture import Bus

FAST = 10_000.0


@pytest.fixture
def said() -> list[str]:
    """The sentences the simulator said."""
    return []


@pytest.fixture
def simulator(bus: Bus, said: list[str]) -> Callable[..., Simulator]:
    """Make a simulator; of a fixed list of steps where one is given."""

    def make(
        *steps: Step, seed: int = 7, rate: float = FAST, stop: threading.Event | None = None
    ) -> Simulator:
        traffic = Scripted(steps) if steps else Traffic(seed)
        return Simulator(traffic, rate, stop or threading.Event(), said.append)

    return make


class Scripted(Traffic):
    """Traffic of given steps, which repeats its last one."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps

    def steps(self) -> Any:
        return (step for step in chain(self._steps, repeat(self._steps[-1])))


def test_traffic_through_all_groups_leaves_exact_ledgers_and_no_dead_letter(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    tally = simulator().run(120)

    bus.drain()

    trades = bus.events("Trading.TradeExecuted")
    total = sum(Decimal(trade.data["value"]) for trade in trades)
    fees = [event for event in bus.events("Financial.RevenueRecorded") if is_fee(event)]
    assert tally.trades == len(trades) == Trade.objects.count() == 120
    assert sum(row.volume for row in SymbolVolume.objects.all()) == total
    assert Counter(fee.causation_id for fee in fees) == Counter(t.event_id for t in trades)
    assert TradingReward.objects.count() == len(bus.events("Trading.TradingRewardsCalculated"))
    assert bus.dead_letters() == []


def is_fee(event: Event) -> bool:
    return bool(event.data["source"] == "trading_fee")


def test_every_event_of_the_simulator_and_all_that_follows_is_marked(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    simulator().run(40)
    bus.drain()

    unmarked = [event for event in bus.events() if not event.synthetic]
    assert len(bus.events()) > 500
    assert unmarked == []


def test_claims_and_sales_begin_when_rewards_have_been_given(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    for seed in (1, 2, 3):
        simulator(seed=seed).run(60)
        bus.drain()

    for event_type in ("NFT.RewardClaimed", "NFT.NFTMinted", "NFT.MarketplaceSale"):
        assert bus.events(event_type), event_type


def test_every_registered_type_is_said_by_somebody_of_the_crowd_or_follows_from_it(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    # What is rare comes early in the first; the others buy what was earned there.
    for seed in (6, 2, 4):
        simulator(seed=seed).run(150)
        bus.drain()

    never_said = {entry.name for entry in registry.all()} - {e.event_type for e in bus.events()}
    assert never_said == set()
    assert [event for event in bus.events() if not event.synthetic] == []
    assert bus.dead_letters() == []


def test_the_same_seed_says_the_same_in_the_same_order(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    with transaction.atomic():
        simulator(seed=11).run(60)
        first = [(event.event_type, told(event)) for event in bus.events()]
        transaction.set_rollback(True)

    simulator(seed=11).run(60)

    again = [(event.event_type, told(event)) for event in bus.events()]
    assert len(first) > 150
    assert again == first


def told(event: Event) -> dict[str, Any]:
    """The payload without the ids of things and instants, which are new each time."""
    return {
        field: value
        for field, value in event.data.items()
        if not field.endswith(("_id", "_at")) or field == "user_id"
    }


def test_users_of_an_earlier_run_come_back(bus: Bus, simulator: Callable[..., Simulator]) -> None:
    simulator(seed=5).run(10)

    tally = simulator(seed=5).run(10)

    assert tally.trades == 10
    assert tally.done["register"] == 0


def test_trades_keep_the_pace(bus: Bus, simulator: Callable[..., Simulator]) -> None:
    began = time.monotonic()

    simulator(Step(TRADE, lambda: "traded"), rate=50.0).run(11)

    assert time.monotonic() - began >= 10 / 50


def test_locked_sql_is_said_once_and_the_step_is_done_when_it_is_free(
    bus: Bus, simulator: Callable[..., Simulator], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.management.simulation.PAUSE_S", 0.001)
    answers: Iterator[Any] = iter([OperationalError("database is locked")] * 3 + ["traded"] * 2)

    tally = simulator(Step(TRADE, lambda: answered(next(answers)))).run(2)

    assert tally.trades == 2
    assert said == ["SQL does not answer: database is locked", "SQL answers again"]


def answered(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_bus_that_is_down_is_said_once_and_trading_goes_on(
    bus: Bus, simulator: Callable[..., Simulator], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.management.simulation.PAUSE_S", 0.0)
    trades = simulator()
    beats: Iterator[Any] = iter([BusUnavailable("refused")] * 3)
    monkeypatch.setattr(trades._heartbeat, "beat_if_due", lambda **_: answered(next(beats, True)))

    tally = trades.run(3)

    assert tally.trades == 3
    assert said == [
        "The bus does not answer, events wait in SQL: refused",
        "The bus answers again",
    ]


def test_what_a_service_refuses_is_counted_and_the_rest_goes_on(
    bus: Bus, simulator: Callable[..., Simulator], said: list[str]
) -> None:
    refused = Step("fill", lambda: answered(TradingRefused("order o-1 is filled")))

    tally = simulator(refused, Step("claim", lambda: None), Step(TRADE, lambda: "traded")).run(1)

    assert tally.refused == {"fill": 1, "claim": 1}
    assert said == []


def test_a_stop_ends_the_wait_for_the_next_trade(
    bus: Bus, simulator: Callable[..., Simulator]
) -> None:
    stop = threading.Event()
    seldom = simulator(Step(TRADE, lambda: "traded"), rate=0.001, stop=stop)
    began = time.monotonic()

    threading.Timer(0.05, stop.set).start()
    tally = seldom.run()

    assert tally.trades == 1
    assert time.monotonic() - began < 10


def test_a_stop_ends_the_wait_for_sql(bus: Bus, simulator: Callable[..., Simulator]) -> None:
    stop = threading.Event()

    def locked_for_ever() -> None:
        stop.set()
        raise OperationalError("database is locked")

    tally = simulator(Step(TRADE, locked_for_ever), stop=stop).run()

    assert (tally.trades, tally.refused) == (0, {})


@pytest.fixture
def signals() -> Iterator[None]:
    """Give the test run its own signal handlers back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_the_command_says_what_it_did(bus: Bus, signals: None) -> None:
    out = StringIO()

    call_command("simulate", "--rate", "1000", "--seed", "7", "--count", "20", stdout=out)

    assert "20 trades in" in out.getvalue()
    assert "Simulating 1000 trades a second with seed 7." in out.getvalue()
    assert len(bus.events("Trading.TradeExecuted")) == 20


def test_a_signal_ends_the_command_with_its_summary(bus: Bus, signals: None) -> None:
    out = StringIO()
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()

    call_command("simulate", "--rate", "50", stdout=out)

    assert " a second.\n" in out.getvalue()


@pytest.mark.parametrize(
    "arguments", [["--rate", "0"], ["--rate", "fast"], ["--rate", "nan"], ["--count", "0"]]
)
def test_a_rate_or_count_that_cannot_be_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="is not a"):
        call_command("simulate", *arguments)
