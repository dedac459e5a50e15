"""A decimal column that stays exact on every database."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _Field = models.DecimalField[Decimal | int | str, Decimal]
else:
    _Field = models.DecimalField

DIGITS = 32
"""Eight digits more than one amount may have: room for the sum of a hundred million of them."""

PLACES = 8
"""Decimal places, as many as an amount may have."""


class ExactDecimalField(_Field):
    """A sum or an amount: numeric on PostgreSQL, text on SQLite.

    SQLite would keep a decimal as a double, and money never passes through a float. The price is
    that SQLite can neither add nor order such a column: add in Python, under a row lock.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", DIGITS)
        kwargs.setdefault("decimal_places", PLACES)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        """A name of its own, so that no converter through float is found for it."""
        return "ExactDecimalField"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Type of the column."""
        if connection.vendor == "postgresql":
            return f"numeric({self.max_digits}, {self.decimal_places})"
        return "text"

    def from_db_value(self, value: Any, *_: object) -> Decimal | None:
        """What the driver gives, as a Decimal without needless zeros."""
        return None if value is None else plain(Decimal(value))


def plain(value: Decimal) -> Decimal:
    """The same number with at least two decimals and no zeros after them: 5.00, 0.125."""
    reduced = value.normalize()
    exponent = reduced.as_tuple().exponent
    return reduced.quantize(Decimal("0.01")) if int(exponent) > -2 else reduced
