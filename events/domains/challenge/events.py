"""What is said about challenges."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events import Payload, UserId, event_type
from events.domains.notation import Id, Line


@event_type(
    "Challenge.Completed",
    entity="challenge_id",
    owner="challenge",
    example={
        "challenge_id": "challenge-first-week",
        "user_id": 123,
        "name": "Five trades in the first week",
        "reward_xp": 50,
    },
)
class Completed(Payload):
    """A user completed a challenge."""

    challenge_id: Annotated[Id, Field(description="Id of the challenge.")]
    user_id: UserId
    name: Annotated[Line, Field(max_length=100, description="What people read.")]
    reward_xp: Annotated[
        int, Field(ge=0, le=10**6, description="Experience points it is worth; may be none.")
    ]
