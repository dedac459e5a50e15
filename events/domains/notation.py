"""How several domains write the same kind of payload field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Id = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
"""Id of a thing: visible ASCII, so that it can stand in an address or on a command line."""

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""One line of text for people; PostgreSQL stores no NUL, and a list shows no line breaks."""

Currency = Annotated[
    str, Field(pattern=r"^[A-Z]{3,8}$", description="Code of the currency of the amount.")
]
