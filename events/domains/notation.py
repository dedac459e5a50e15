"""How several domains write the same kind of payload field."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

Id = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
"""Id of a thing: visible ASCII, so that it can stand in an address or on a command line."""

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""One line of text for people; PostgreSQL stores no NUL, and a list shows no line breaks."""

Currency = Annotated[
    str, Field(pattern=r"^[A-Z]{3,8}$", description="Code of the currency of the amount.")
]

Symbol = Annotated[
    str,
    Field(
        max_length=32,
        pattern=r"^[A-Z0-9][A-Z0-9._/-]*$",
        description="What is traded, e.g. STRK or BTC-USD.",
    ),
]

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole, such as a confidence: never an amount, which no float may carry."""

Measure = Annotated[Decimal, Field(max_digits=24, decimal_places=8)]
"""A figure that is no amount, or may be one; exact, a string on the wire."""
