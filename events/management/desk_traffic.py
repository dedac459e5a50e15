"""What desks and machines do beside the trade: prices, signals, valuations, reports, risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Literal

from events.domains.market import services as market
from events.domains.risk import services as risk
from events.domains.system import services as system
from events.domains.trading import portfolio
from events.management.steps import MARK, Activities, Step, Steps, whatever_happens

MOST_HALTED = 2
"""When so many may not trade, the one who was halted first may again."""

EXECUTED = 0.5
"""Part of the fills that a venue reports."""

SLOW = 0.1
"""Part of the reports on health that complain."""

VENUES = ("starknet", "kraken", "binance")
SERVICES = ("price-feed", "matching", "ledger", "risk-engine")
MODELS = ("momentum", "mean-reversion", "sentiment")
ADVICE: tuple[Literal["buy", "sell", "hold"], ...] = ("buy", "sell", "hold")
APPETITES: tuple[Literal["cautious", "balanced", "bold"], ...] = ("cautious", "balanced", "bold")
SEVERITIES: tuple[Literal["low", "medium", "high"], ...] = ("low", "medium", "high")
ALERTS = {
    "concentration": "Most of what is held is one symbol",
    "velocity": "Trades ten times as often as usual",
    "drawdown": "Lost a fifth since the last peak",
}
FIRST_DAY = date(2024, 1, 1)


class Desk:
    """Everybody who works where the crowd trades; its draws are its own."""

    def __init__(
        self,
        seed: int,
        users: Sequence[int],
        prices: Mapping[str, Decimal],
        positions: Sequence[tuple[str, str, int]],
    ) -> None:
        """Of users, prices and open positions (id, symbol, user) it sees what becomes of them."""
        self._random = Random(f"{seed} desk")  # noqa: S311
        self._users, self._prices, self._positions = users, prices, positions
        self.halted: list[int] = []
        """Users who may not trade."""
        self._activities: Activities = (
            (0.20, self._quote),
            (0.05, self._report_health),
            (0.02, self._update_model),
            (0.02, self._backtest),
            (0.05, self._advise),
            (0.06, self._value),
            (0.03, self._alert),
            (0.04, self._score),
            (0.02, self._change_profile),
            (0.03, self._halt_or_resume),
        )

    def steps(self) -> Steps:
        """What happens after one trade."""
        yield from whatever_happens(self._random, self._activities)

    def execution(self, order_id: str) -> Steps:
        """Perhaps a venue reports an order that was filled."""
        reported, venue = self._random.random() < EXECUTED, self._random.choice(VENUES)
        if reported:
            report = partial(portfolio.report_execution, order_id, venue, metadata=MARK)
            yield Step("execution", report)

    def _quote(self) -> Steps:
        symbol = self._symbol()
        volume = Decimal(self._random.randint(1, 10_000_00)).scaleb(-2)
        quote = partial(market.update_market, symbol, self._prices[symbol], volume, metadata=MARK)
        yield Step("quote", quote)

    def _report_health(self) -> Steps:
        """Mostly all is well; what is slow says so."""
        service, latency_ms = self._random.choice(SERVICES), self._random.randint(1, 60)
        report = partial(system.report_health, service, "healthy", latency_ms=latency_ms)
        if self._random.random() < SLOW:
            report = partial(system.report_health, service, "degraded", detail="Answers slowly")
            report = partial(report, latency_ms=50 * latency_ms)
        yield Step("health", partial(report, metadata=MARK))

    def _update_model(self) -> Steps:
        model, accuracy = self._random.choice(MODELS), self._random.randint(52, 71) / 100
        update = partial(system.update_model, model, accuracy=accuracy, metadata=MARK)
        yield Step("model", update)

    def _backtest(self) -> Steps:
        first_day = FIRST_DAY + timedelta(days=self._random.randint(0, 300))
        complete = partial(
            system.complete_backtest,
            self._random.choice(MODELS),
            self._symbol(),
            (first_day, first_day + timedelta(days=89)),
            self._random.randint(20, 400),
            Decimal(self._random.randint(-2_000_00, 6_000_00)).scaleb(-2),
            max_drawdown=self._random.randint(2, 35) / 100,
            metadata=MARK,
        )
        yield Step("backtest", complete)

    def _advise(self) -> Steps:
        advise = partial(
            portfolio.generate_signal,
            self._symbol(),
            self._random.choice(ADVICE),
            self._random.randint(50, 99) / 100,
            model=self._random.choice(MODELS),
            metadata=MARK,
        )
        yield Step("signal", advise)

    def _value(self) -> Steps:
        """Profit and portfolio of somebody who holds something."""
        if self._positions:
            *_, holder = self._random.choice(self._positions)
            what = (holder, self._prices)
            yield Step("pnl", partial(portfolio.update_pnl, *what, metadata=MARK))
            yield Step("portfolio", partial(portfolio.update_portfolio, *what, metadata=MARK))

    def _alert(self) -> Steps:
        kind, severity = self._random.choice(tuple(ALERTS)), self._random.choice(SEVERITIES)
        alert = partial(risk.trigger_alert, kind, severity, ALERTS[kind], user_id=self._user())
        yield Step("alert", partial(alert, metadata=MARK))

    def _score(self) -> Steps:
        score = self._random.randint(5, 95)
        yield Step("score", partial(risk.update_score, self._user(), score, metadata=MARK))

    def _change_profile(self) -> Steps:
        change = partial(
            risk.modify_profile,
            self._user(),
            appetite=self._random.choice(APPETITES),
            daily_loss_limit=Decimal(self._random.randint(1, 50) * 500),
            max_leverage=self._random.choice((1, 2, 3, 5, 10)),
            metadata=MARK,
        )
        yield Step("risk profile", change)

    def _halt_or_resume(self) -> Steps:
        user_id = self._user()
        if len(self.halted) >= MOST_HALTED:
            resume = partial(risk.resume_trading, self.halted.pop(0), "Has talked to us")
            yield Step("resume", partial(resume, metadata=MARK))
            return
        halt = partial(risk.halt_trading, user_id, "Lost more in a day than agreed", metadata=MARK)
        halted = yield Step("halt", halt)
        if halted:
            self.halted.append(user_id)

    def _user(self) -> int:
        return self._random.choice(self._users)

    def _symbol(self) -> str:
        return self._random.choice(tuple(self._prices))
