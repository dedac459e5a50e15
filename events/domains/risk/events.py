"""What is said about risk."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events import Money, Payload, UserId, event_type


@event_type(
    "Risk.Limit.Breached",
    entity="user_id",
    owner="risk",
    example={
        "user_id": 123,
        "limit": "single_trade",
        "value": "140000.00",
        "maximum": "100000.00",
    },
)
class LimitBreached(Payload):
    """A user went beyond one of the limits set for them."""

    user_id: UserId
    limit: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$", description="Name of the limit.")]
    value: Annotated[Money, Field(ge=0, description="What it came to.")]
    maximum: Annotated[Money, Field(ge=0, description="What the limit allows.")]
