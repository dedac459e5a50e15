"""What the user domain says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, IPvAnyAddress

from events import PERSONAL, Payload, UserId, event_type
from events.domains.notation import Id, Line

Email = Annotated[
    str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")
]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


@event_type(
    "User.UserRegistered",
    entity="user_id",
    owner="user",
    example={
        "user_id": 123,
        "username": "mira",
        "email": "mira@example.com",
        "country": "NG",
    },
)
class UserRegistered(Payload):
    """Somebody registered and is a user from now on."""

    user_id: UserId
    username: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$", description="Name they sign in with.")
    ]
    email: Annotated[Email, PERSONAL, Field(description="Where they can be written to.")]
    country: Annotated[
        Country | None, Field(description="Where they live, by the two letters of ISO 3166.")
    ] = None


@event_type(
    "User.ProfileUpdated",
    entity="user_id",
    owner="user",
    example={"user_id": 123, "changed": ["level", "title"], "level": 16, "title": "Pioneer"},
)
class ProfileUpdated(Payload):
    """The profile of a user was brought up to date with what happened in another domain."""

    user_id: UserId
    changed: Annotated[
        list[Literal["username", "country", "title", "influence", "level", "badges", "plan"]],
        Field(min_length=1, description="Fields that what happened was about."),
    ]
    title: Annotated[Line | None, Field(description="Title, where it is among the changed.")] = None
    influence: Annotated[
        int | None, Field(description="Influence, where it is among the changed.")
    ] = None
    level: Annotated[
        int | None, Field(ge=1, description="Level, where it is among the changed.")
    ] = None
    badges: Annotated[
        list[str] | None, Field(description="All badges, where they are among the changed.")
    ] = None


@event_type(
    "User.SessionStarted",
    entity="user_id",
    owner="user",
    example={
        "user_id": 123,
        "session_id": "session-7e10b4",
        "device": "web",
        "ip": "203.0.113.7",
    },
)
class SessionStarted(Payload):
    """A user began to use the product on a device."""

    user_id: UserId
    session_id: Annotated[Id, Field(description="Id of the session.")]
    device: Annotated[Line, Field(description="What they use, e.g. web, ios or android.")]
    ip: Annotated[IPvAnyAddress | None, PERSONAL, Field(description="Address they come from.")] = (
        None
    )


@event_type(
    "User.NotificationSent",
    entity="user_id",
    owner="user",
    example={
        "notification_id": "notification-0198c0de-7d5a-7c3e-9a51-3f0c2b6e1a77",
        "user_id": 123,
        "channel": "in_app",
        "kind": "level_up",
        "title": "You reached level 16",
    },
)
class NotificationSent(Payload):
    """A user was told about something that concerns them."""

    notification_id: Annotated[Id, Field(description="Id of the notification.")]
    user_id: Annotated[UserId, Field(description="Who was told.")]
    channel: Annotated[Literal["in_app", "webhook"], Field(description="How they were told.")]
    kind: Annotated[
        Literal["level_up", "achievement", "reward", "limit_breach", "payment"],
        Field(description="What it is about."),
    ]
    title: Annotated[Line, Field(description="What people read first.")]
