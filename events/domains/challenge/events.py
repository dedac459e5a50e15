"""What is said about challenges."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events import Payload, UserId, event_type


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

    challenge_id: Annotated[
        str, Field(min_length=1, max_length=100, description="Id of the challenge.")
    ]
    user_id: UserId
    name: Annotated[str, Field(min_length=1, max_length=100, description="What people read.")]
    reward_xp: Annotated[
        int, Field(ge=0, le=10**6, description="Experience points it is worth; may be none.")
    ]
