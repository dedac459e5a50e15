"""Made-up people who use the services of every domain: who does what, and in which order.

All of it is drawn from one seeded source, so that the same seed gives the same steps; what a step
comes to still depends on what is in the database.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from random import Random
from typing import Any, Literal
from uuid import uuid4

from events.domains.financial import services as financial
from events.domains.nft import services as nft
from events.domains.social import services as social
from events.domains.trading import services as trading
from events.domains.user import services as user
from events.management.career_traffic import Careers
from events.management.desk_traffic import Desk
from events.management.steps import MARK, Activities, Step, Steps, whatever_happens

FIRST_USERS = 20
"""So many register before the first trade."""

MOST_USERS = 2_000
"""When so many take part nobody registers any more."""

LEAST_ID, MOST_ID = 1_000_000, 9_999_999
"""Ids of made-up users: out of the way of those whom people give their own users."""

LEAST_TRADE_CENTS, MOST_TRADE_CENTS = 50_00, 250_000_00
"""Values of trades are Pareto distributed in between: one in a hundred is above 5 000, one in two
thousand above 100 000."""

BATTLE_LASTS = timedelta(minutes=10)

TRADE = "trade"

SYMBOLS = {
    "STRK": Decimal("1.25"),
    "BTC-USD": Decimal("64000"),
    "ETH-USD": Decimal("3400"),
    "SOL-USD": Decimal("150"),
    "EUR-USD": Decimal("1.08"),
}
PLANS = {"basic": Decimal("9.99"), "pro": Decimal("29.00"), "elite": Decimal("99.00")}
FIRST_NAMES = [
    "Ada",
    "Amara",
    "Bruno",
    "Chidi",
    "Dara",
    "Elif",
    "Femi",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Keiko",
    "Lena",
    "Mira",
]
LAST_NAMES = [
    "Achebe",
    "Brandt",
    "Castro",
    "Dubois",
    "Endo",
    "Farkas",
    "Grant",
    "Horvat",
    "Ito",
    "Jensen",
    "Okafor",
    "Silva",
]
COUNTRIES = ("BR", "DE", "FR", "GB", "HR", "JP", "NG", "PT", "TR", "US")
DEVICES = ("web", "ios", "android")
PLATFORMS = ("x", "reddit", "telegram")
CLANS = ("clan-cygnus", "clan-lyra", "clan-orion", "clan-vela")
STARS = ("Altair", "Deneb", "Mizar", "Rigel", "Sirius", "Vega")
METHODS = ("card", "card", "card", "bank_transfer", "wallet", "crypto", None)
"""How each of them always pays; one app in seven is an old one, which does not tell."""
REASONS = ("Bought by mistake", "Not as expected", "Paid twice")


class Traffic:
    """An endless crowd. Its steps must be performed one after the other, by one thread."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311
        # Draws among what the database holds must not change the draws that follow.
        self._market = Random(seed)  # noqa: S311
        self._prices = dict(SYMBOLS)
        self._users: list[int] = []
        self._orders: list[str] = []
        self._positions: list[tuple[str, str, int]] = []
        self._payments: list[str] = []
        # They draw from sources of their own, so that they change none of the draws here.
        self._desk = Desk(seed, self._users, self._prices, self._positions)
        self._careers = Careers(seed, self._users)
        self._activities: Activities = (
            (0.04, self._register),
            (0.15, self._begin_session),
            (0.15, self._order),
            (0.12, self._take_position),
            (0.06, self._pay),
            (0.005, self._refund),
            (0.30, partial(self._interact, "like")),
            (0.12, partial(self._interact, "comment")),
            (0.06, partial(self._interact, "follow")),
            (0.04, partial(self._interact, "share")),
            (0.005, self._go_viral),
            (0.01, self._found_constellation),
            (0.10, self._claim),
            (0.05, self._offer),
            (0.04, self._buy),
            (0.004, self._battle),
        )

    def steps(self) -> Steps:
        """Registrations first; then trades without end, each followed by whatever else happens."""
        for _ in range(FIRST_USERS):
            yield from self._register()
        while True:
            yield from self._trade()
            yield from whatever_happens(self._random, self._activities)
            yield from self._desk.steps()
            yield from self._careers.steps()

    def _trade(self) -> Steps:
        """Every third trade fills an order."""
        trader, symbol, side = self._trader(), self._symbol(), self._side()
        price = self._price(symbol)
        quantity = (self._trade_value() / price).quantize(Decimal("0.000001"))
        what = (trader, symbol, side, quantity)
        if self._random.random() < 1 / 3:
            placed = yield Step("order", partial(trading.place_order, *what, metadata=MARK))
            if placed:
                fill = partial(trading.fill_order, placed.entity_id, price, metadata=MARK)
                if (yield Step("fill", fill)):
                    yield from self._desk.execution(placed.entity_id)
        yield Step(TRADE, partial(trading.execute_trade, *what, price, metadata=MARK))

    def _order(self) -> Steps:
        """An order that is left waiting; when there are too many the oldest is withdrawn."""
        symbol = self._symbol()
        limit = (self._price(symbol) * Decimal("0.97")).quantize(Decimal("0.0001"))
        what = (self._trader(), symbol, self._side(), Decimal(self._random.randint(1, 20)), limit)
        placed = yield Step("order", partial(trading.place_order, *what, metadata=MARK))
        if placed:
            self._orders.append(placed.entity_id)
        if len(self._orders) > 20:
            cancel = partial(trading.cancel_order, self._orders.pop(0), "Never reached its price")
            yield Step("cancel", partial(cancel, metadata=MARK))

    def _take_position(self) -> Steps:
        symbol = self._symbol()
        price = self._price(symbol)
        quantity = (Decimal(self._random.randint(100, 20_000)) / price).quantize(Decimal("0.0001"))
        side, trader = self._random.choice(("long", "short")), self._trader()
        place, closes = self._random.randrange(30), self._random.random() < 0.7
        if place >= len(self._positions):
            what = (trader, symbol, side, quantity, price)
            opened = yield Step("position", partial(trading.open_position, *what, metadata=MARK))
            if opened:
                self._positions.append((opened.entity_id, symbol, trader))
            return
        position_id, symbol, _ = self._positions[place]
        price = self._price(symbol)
        if closes:
            del self._positions[place]
            close = partial(trading.close_position, position_id, price, metadata=MARK)
            yield Step("close", close)
        else:
            modify = partial(trading.modify_position, position_id, quantity, price, metadata=MARK)
            yield Step("modify", modify)

    def _register(self) -> Steps:
        """A new user and their profile; one of an earlier run with this seed comes back."""
        if len(self._users) >= MOST_USERS:
            return
        user_id = self._random.randint(LEAST_ID, MOST_ID)
        first, last = self._random.choice(FIRST_NAMES), self._random.choice(LAST_NAMES)
        username = f"{first}.{last}.{user_id}".lower()
        register = partial(
            user.register_user,
            username,
            f"{username}@example.org",
            country=self._random.choice(COUNTRIES),
            user_id=user_id,
            metadata=MARK,
        )
        self._users.append(user_id)
        yield Step("register", register)
        profile = partial(social.create_profile, user_id, f"{first} {last}", metadata=MARK)
        yield Step("profile", profile)

    def _begin_session(self) -> Steps:
        device = self._random.choice(DEVICES)
        address = f"203.0.113.{self._random.randint(1, 254)}"
        begin = partial(user.start_session, self._user(), device, ip=address, metadata=MARK)
        yield Step("session", begin)

    def _pay(self) -> Steps:
        """Mostly for a subscription; now and then a purchase, rarely a large one."""
        payer, plan = self._user(), self._random.choice(tuple(PLANS))
        price = Decimal(int(20_00 * self._random.paretovariate(1.0))).scaleb(-2)
        if self._random.random() < 0.7:
            pay = partial(financial.complete_payment, payer, PLANS[plan], "subscription", plan=plan)
        else:
            pay = partial(financial.complete_payment, payer, price, "purchase")
        method = METHODS[payer % len(METHODS)]
        paid = yield Step("payment", partial(pay, method=method, metadata=MARK))
        if paid:
            self._payments = [*self._payments[-49:], paid.entity_id]

    def _refund(self) -> Steps:
        place, reason = self._random.random(), self._random.choice(REASONS)
        if self._payments:
            payment_id = self._payments.pop(int(place * len(self._payments)))
            refund = partial(financial.refund_payment, payment_id, reason, metadata=MARK)
            yield Step("refund", refund)

    def _interact(self, kind: Literal["like", "comment", "follow", "share"]) -> Steps:
        who, whom = self._user(), self._user()
        interact = partial(social.interact, who, kind, target_user_id=whom, metadata=MARK)
        yield Step(kind, interact)

    def _go_viral(self) -> Steps:
        shares, platform = self._random.randint(1_000, 50_000), self._random.choice(PLATFORMS)
        share = partial(social.share_viral, self._user(), f"content-{uuid4().hex[:12]}", shares)
        yield Step("viral", partial(share, platform=platform, metadata=MARK))

    def _found_constellation(self) -> Steps:
        name = f"{self._random.choice(STARS)} {self._random.choice(LAST_NAMES)}"
        found = partial(social.create_constellation, self._user(), name, metadata=MARK)
        yield Step("constellation", found)

    def _claim(self) -> Steps:
        def claim() -> Any:
            reward = nft.some_claimable_reward(self._market)
            return reward and nft.claim_reward(reward.pk, reward.user_id, metadata=MARK)

        yield Step("claim", claim)

    def _offer(self) -> Steps:
        price = Decimal(self._random.randint(10_00, 900_00)).scaleb(-2)

        def offer() -> Any:
            token = nft.some_unlisted_token(self._market)
            return token and nft.list_token(token.pk, token.owner_id, price)

        yield Step("offer", offer)

    def _buy(self) -> Steps:
        buyer = self._user()

        def buy() -> Any:
            listing = nft.some_open_listing(self._market)
            return listing and nft.record_sale(listing.token_id, buyer, metadata=MARK)

        yield Step("sale", buy)

    def _battle(self) -> Steps:
        """Two clans, a few traders each; their trades score from now on."""
        battle_id = f"battle-{uuid4().hex[:12]}"
        for clan in self._random.sample(CLANS, 2):
            for _ in range(self._random.randint(3, 6)):
                join = partial(trading.join_clan_battle, self._user(), clan, battle_id)
                yield Step("battle", partial(join, lasts=BATTLE_LASTS))

    def _user(self) -> int:
        """One of the users; who came first is seen more often."""
        return self._users[self._place()]

    def _trader(self) -> int:
        """One of the users; who is halted leaves it to the next who is not."""
        place = self._place()
        waiting = chain(self._users[place:], self._users)
        return next(user_id for user_id in waiting if user_id not in self._desk.halted)

    def _place(self) -> int:
        return int(len(self._users) * self._random.random() ** 2)

    def _symbol(self) -> str:
        return self._random.choice(tuple(SYMBOLS))

    def _side(self) -> str:
        return self._random.choice(("buy", "sell"))

    def _price(self, symbol: str) -> Decimal:
        """The symbol's price, which wanders by up to 0.4 % each time it is asked for."""
        moved = self._prices[symbol] * (10_000 + self._random.randint(-40, 40)) / 10_000
        # A tenth and ten times the first price are walls it does not pass.
        first = SYMBOLS[symbol]
        self._prices[symbol] = min(max(moved, first / 10), first * 10).quantize(Decimal("0.0001"))
        return self._prices[symbol]

    def _trade_value(self) -> Decimal:
        cents = int(LEAST_TRADE_CENTS * self._random.paretovariate(1.0))
        return Decimal(min(cents, MOST_TRADE_CENTS)).scaleb(-2)
