"""What the social domain says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events import PERSONAL, Payload, UserId, event_type
from events.domains.notation import Id, Line


@event_type(
    "Social.SocialProfileCreated",
    entity="user_id",
    owner="social",
    example={"user_id": 123, "display_name": "Mira Okafor"},
)
class SocialProfileCreated(Payload):
    """A user opened a social profile under the name others will see."""

    user_id: UserId
    display_name: Annotated[Line, PERSONAL, Field(description="Name shown beside what they post.")]


@event_type(
    "Social.ConstellationCreated",
    entity="constellation_id",
    owner="social",
    example={
        "constellation_id": "constellation-orion-7",
        "user_id": 123,
        "name": "Orion Traders",
    },
)
class ConstellationCreated(Payload):
    """A user founded a constellation, a circle of traders who follow each other's trades."""

    constellation_id: Annotated[Id, Field(description="Id of the constellation.")]
    user_id: Annotated[UserId, Field(description="Its founder.")]
    name: Annotated[Line, Field(description="What it is called.")]


@event_type(
    "Social.ViralContentShared",
    entity="content_id",
    owner="social",
    example={
        "content_id": "content-91f0",
        "user_id": 123,
        "shares": 1240,
        "platform": "x",
    },
)
class ViralContentShared(Payload):
    """Something a user made was shared so often outside that it counts as viral."""

    content_id: Annotated[Id, Field(description="What was shared.")]
    user_id: Annotated[UserId, Field(description="Who made it.")]
    shares: Annotated[int, Field(ge=1, le=10**12, description="How often it was shared so far.")]
    platform: Annotated[
        str, Field(pattern=r"^[a-z0-9_-]{1,30}$", description="Where, e.g. x, tiktok or discord.")
    ]


@event_type(
    "Social.SocialInteraction",
    entity="user_id",
    owner="social",
    example={
        "user_id": 123,
        "kind": "like",
        "target_user_id": 456,
        "content_id": "content-91f0",
    },
)
class SocialInteraction(Payload):
    """A user shared a trade, or liked, commented on, followed or shared something of another's."""

    user_id: Annotated[UserId, Field(description="Who did it.")]
    kind: Annotated[
        Literal["trade_share", "like", "comment", "follow", "share"],
        Field(description="What was done; a trade share follows from the XP of a trade."),
    ]
    target_user_id: Annotated[
        UserId | None, Field(description="Whose content it was, or who is followed.")
    ] = None
    symbol: Annotated[
        str | None, Field(pattern=r"^[A-Z0-9][A-Z0-9._/-]{0,31}$", description="What was traded.")
    ] = None
    content_id: Annotated[Id | None, Field(description="What was liked, commented or shared.")] = (
        None
    )


@event_type(
    "Social.FeedEntryCreated",
    entity="user_id",
    owner="social",
    example={
        "entry_id": "feed-0198c0de-7d5a-7c3e-9a51-3f0c2b6e1a77",
        "user_id": 123,
        "kind": "celebration",
        "text": "Reached level 16 and carries the title Pioneer",
    },
)
class FeedEntryCreated(Payload):
    """An entry about a user appeared in the social feed."""

    entry_id: Annotated[Id, Field(description="Id of the entry.")]
    user_id: Annotated[UserId, Field(description="Whom the entry is about.")]
    kind: Annotated[
        Literal["celebration", "achievement", "nft", "xp", "clan_lead"],
        Field(description="What gave rise to it; a celebration is that of a new level."),
    ]
    text: Annotated[
        str, Field(min_length=1, max_length=500, description="What people read after the name.")
    ]


@event_type(
    "Social.InfluenceUpdated",
    entity="user_id",
    owner="social",
    example={"user_id": 123, "delta": 5, "influence": 245, "reason": "trade_share"},
)
class InfluenceUpdated(Payload):
    """The influence of a user changed by something they did."""

    user_id: UserId
    delta: Annotated[
        int, Field(ge=-(10**9), le=10**9, description="What was added, or taken when negative.")
    ]
    influence: Annotated[
        int, Field(ge=-(10**15), le=10**15, description="What it comes to after this change.")
    ]
    reason: Annotated[
        str, Field(pattern=r"^[a-z_]{1,60}$", description="Kind of the act that changed it.")
    ]
