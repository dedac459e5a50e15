"""A decimal column that stays exact on every database."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

Set = TypeVar("Set")
Get = TypeVar("Get")

if TYPE_CHECKING:
    _DecimalField = models.DecimalField
else:

    class _DecimalField(models.DecimalField):
        """Django's field, which only type checkers know to be generic."""

        def __class_getitem__(cls, _: object) -> type:
            return cls


DIGITS = 48
"""Twice as many as one amount may have: room for any product of two and any sum of them."""

PLACES = 8
"""Decimal places, as many as an amount may have."""

_WIDE = Context(prec=DIGITS)


class ExactDecimalField(_DecimalField[Set, Get]):
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
    reduced = value.normalize(_WIDE)
    exponent = int(reduced.as_tuple().exponent)
    return reduced.quantize(Decimal("0.01"), context=_WIDE) if exponent > -2 else reduced
