"""Which limit a trader has broken: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal

from events.domains.fields import plain

SINGLE_TRADE = Decimal(100_000)
"""Largest trade of a new user, in units of the trade's currency."""

DAILY_VOLUME = Decimal(1_000_000)
"""Most a new user trades in one UTC day."""

EXPOSURE = Decimal(250_000)
"""Most that a new user's open positions are worth together."""

LARGEST_SAID = Decimal(10**15)
"""Largest sum an event can carry; sums of several amounts may be larger than an amount may be."""

_WIDE = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit, what it came to and what is allowed."""

    limit: str
    value: Decimal
    maximum: Decimal

    @property
    def excess(self) -> Decimal:
        """How many times the maximum it came to."""
        return self.value / self.maximum if self.maximum else self.value


def worth(quantity: Decimal, price: Decimal) -> Decimal:
    """Quantity times price to the eighth decimal, however large."""
    return plain(_WIDE.multiply(quantity, price).quantize(Decimal("1E-8"), context=_WIDE))


def crossed(limit: str, before: Decimal, after: Decimal, maximum: Decimal) -> Breach | None:
    """A breach when a sum passes its maximum; none when it had passed it before."""
    return Breach(limit, after, maximum) if before <= maximum < after else None


def gravest(*breaches: Breach | None) -> Breach | None:
    """The breach that goes furthest beyond its limit: one event raises one alarm, not three."""
    found = [breach for breach in breaches if breach is not None]
    return max(found, key=lambda breach: breach.excess, default=None)
