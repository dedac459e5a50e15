"""What trading keeps: trades, orders, positions and their value, signals, battles, limits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from django.db import models

from events.domains.fields import ExactDecimalField
from events.domains.trading.limits import DAILY_VOLUME, EXPOSURE, SINGLE_TRADE

CENT = Decimal("0.01")

NOTHING_HEARD = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any event: what a row that has heard nothing yet is as of."""


class Trade(models.Model):
    """A trade this domain executed; trades executed elsewhere are known by their events alone."""

    trade_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)
    quantity = ExactDecimalField()
    price = ExactDecimalField()
    value = ExactDecimalField()
    executed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.trade_id


class SymbolVolume(models.Model):
    """How much a user has traded of a symbol, by currency; counted from TradeExecuted alone."""

    pk = models.CompositePrimaryKey("user_id", "symbol", "currency")
    user_id = models.BigIntegerField()
    symbol = models.CharField(max_length=32)
    currency = models.CharField(max_length=8)
    trades = models.BigIntegerField(default=0)
    volume = ExactDecimalField(default=0)

    def __str__(self) -> str:
        return f"user {self.user_id}, {self.symbol}: {self.volume} {self.currency}"


class TradingReward(models.Model):
    """What a trade earned its trader; one row per trade event that earned something."""

    event_id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField(db_index=True)
    trade_id = models.CharField(max_length=100, blank=True)
    reward = ExactDecimalField()
    currency = models.CharField(max_length=8)
    earned_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.reward} {self.currency}"


class Order(models.Model):
    """What is known of an order: our own, or one that only its events told of."""

    class State(models.TextChoices):
        PLACED = "placed"
        FILLED = "filled"
        CANCELLED = "cancelled"

    order_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(default=0, db_index=True)
    symbol = models.CharField(max_length=32, default="")
    side = models.CharField(max_length=4, default="")
    quantity = ExactDecimalField(default=0)
    price = ExactDecimalField(null=True)
    state = models.CharField(max_length=9, choices=State, default=State.PLACED)
    as_of = models.DateTimeField(default=NOTHING_HEARD)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.state}"

    def is_news(self, state: str, at: datetime) -> bool:
        """Whether an event of `at` tells more than the row knows.

        Events of one order travel on three streams, so they may arrive in any order: the end of
        an order is never undone, and among the rest the newest counts.
        """
        return (state != self.State.PLACED, at) > (self.state != self.State.PLACED, self.as_of)


class Position(models.Model):
    """What is known of a position: our own, or one that only its events told of."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    position_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(default=0)
    symbol = models.CharField(max_length=32, default="")
    side = models.CharField(max_length=5, default="")
    quantity = ExactDecimalField(default=0)
    price = ExactDecimalField(default=0)
    """Average price of entry; of the exit once it is closed."""
    pnl = ExactDecimalField(default=0)
    """Profit or loss; 0 while it is open."""
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    as_of = models.DateTimeField(default=NOTHING_HEARD)

    class Meta:
        indexes = [models.Index(fields=["user_id", "state"], name="position_of_user")]

    def __str__(self) -> str:
        return f"{self.position_id}: {self.state}"

    def is_news(self, state: str, at: datetime) -> bool:
        """Whether an event of `at` tells more than the row knows (see `Order.is_news`)."""
        return (state == self.State.CLOSED, at) > (self.state == self.State.CLOSED, self.as_of)

    def gain_at(self, price: Decimal) -> Decimal:
        """Profit or loss, to the cent, if it were closed at this price."""
        gain = price - self.price if self.side == "long" else self.price - price
        return (gain * self.quantity).quantize(CENT, ROUND_HALF_EVEN)


class ProfitAndLoss(models.Model):
    """Profit or loss of a user as it was worked out last."""

    user_id = models.BigIntegerField(primary_key=True)
    day = models.DateField(null=True)
    """The UTC day `realised` is of."""
    realised = ExactDecimalField(default=0)
    unrealised = ExactDecimalField(default=0)
    as_of = models.DateTimeField(default=NOTHING_HEARD)

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.realised} and {self.unrealised} open"


class Portfolio(models.Model):
    """Value of what a user holds, as it was worked out last."""

    user_id = models.BigIntegerField(primary_key=True)
    positions = models.PositiveIntegerField(default=0)
    value = ExactDecimalField(default=0)
    cost = ExactDecimalField(default=0)
    as_of = models.DateTimeField(default=NOTHING_HEARD)

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.value}"


class Execution(models.Model):
    """That and where a venue executed an order."""

    order_id = models.CharField(primary_key=True, max_length=100)
    execution_id = models.CharField(max_length=100, unique=True)
    venue = models.CharField(max_length=100)
    executed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.order_id} at {self.venue}"


class Signal(models.Model):
    """What was advised about a symbol."""

    signal_id = models.CharField(primary_key=True, max_length=100)
    symbol = models.CharField(max_length=32, db_index=True)
    action = models.CharField(max_length=4)
    confidence = models.FloatField()
    model = models.CharField(max_length=100, blank=True)
    generated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.action} {self.symbol}"


class ClanBattle(models.Model):
    """A battle between clans, and when it is fought."""

    battle_id = models.CharField(primary_key=True, max_length=100)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.battle_id


class BattleTrader(models.Model):
    """A trader who fights for a clan in a battle, and the points their trades scored."""

    pk = models.CompositePrimaryKey("battle_id", "user_id")
    battle = models.ForeignKey(ClanBattle, on_delete=models.CASCADE)
    user_id = models.BigIntegerField(db_index=True)
    clan_id = models.CharField(max_length=100)
    points = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"user {self.user_id} for {self.clan_id} in {self.battle_id}"


class RiskProfile(models.Model):
    """What a user has at stake, and the limits set for them."""

    user_id = models.BigIntegerField(primary_key=True)
    exposure = ExactDecimalField(default=0)
    """Value of all open positions."""
    day = models.DateField(null=True)
    """The UTC day `day_volume` is of."""
    day_volume = ExactDecimalField(default=0)
    single_trade_limit = ExactDecimalField(default=SINGLE_TRADE)
    daily_volume_limit = ExactDecimalField(default=DAILY_VOLUME)
    exposure_limit = ExactDecimalField(default=EXPOSURE)

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.exposure} exposed"


class RiskPosition(models.Model):
    """A position as risk management sees it: what it puts at stake."""

    position_id = models.CharField(primary_key=True, max_length=100)
    value = ExactDecimalField(default=0)
    closed = models.BooleanField(default=False)
    as_of = models.DateTimeField(default=NOTHING_HEARD)

    def __str__(self) -> str:
        return f"{self.position_id}: {self.value}"

    def is_news(self, closed: bool, at: datetime) -> bool:
        """Whether an event of `at` tells more than the row knows (see `Order.is_news`)."""
        return (closed, at) > (self.closed, self.as_of)
