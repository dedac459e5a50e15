"""What is said about accounts, sign-ins and permissions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, IPvAnyAddress

from events import PERSONAL, SECRET, Payload, UserId, event_type
from events.domains.notation import Id, Line

SIGN_INS_KEPT_DAYS = 365
"""Misuse of an account is often noticed months later, and then asked about."""

Method = Annotated[
    Literal["password", "passkey", "google", "apple"], Field(description="How they sign in.")
]
SessionId = Annotated[
    Id, SECRET, Field(description="Id of the session, which whoever knows it could take over.")
]
Address = Annotated[IPvAnyAddress | None, PERSONAL, Field(description="Address they come from.")]


@event_type(
    "Auth.User.Registered",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={"user_id": 123, "username": "mira", "method": "passkey", "ip": "203.0.113.7"},
)
class UserRegistered(Payload):
    """A user got an account to sign in with."""

    user_id: UserId
    username: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$", description="Name they sign in with.")
    ]
    method: Method
    ip: Address = None


@event_type(
    "Auth.User.LoggedIn",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={
        "user_id": 123,
        "session_id": "session-4c1e0a7b92d5",
        "method": "passkey",
        "device": "ios",
        "ip": "203.0.113.7",
    },
)
class UserLoggedIn(Payload):
    """A user signed in, which began a session."""

    user_id: UserId
    session_id: SessionId
    method: Method
    device: Annotated[Line, Field(description="What they use, e.g. web, ios or android.")]
    ip: Address = None


@event_type(
    "Auth.User.LoggedOut",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={"user_id": 123, "session_id": "session-4c1e0a7b92d5"},
)
class UserLoggedOut(Payload):
    """A user signed out, which ended the session."""

    user_id: UserId
    session_id: SessionId


@event_type(
    "Auth.Session.Expired",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={"user_id": 123, "session_id": "session-4c1e0a7b92d5", "idle_s": 1800},
)
class SessionExpired(Payload):
    """A session ended because nobody had used it for too long."""

    user_id: UserId
    session_id: SessionId
    idle_s: Annotated[
        int, Field(ge=0, le=10**9, description="How long nobody had used it, in seconds.")
    ]


class _Permission(Payload):
    user_id: UserId
    permission: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_.:-]{0,59}$", description="Name of the permission.")
    ]
    by_user_id: Annotated[
        UserId | None, Field(description="Who decided it; nobody when a rule did.")
    ] = None


@event_type(
    "Auth.Permission.Granted",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={"user_id": 123, "permission": "trading.margin", "by_user_id": 7},
)
class PermissionGranted(_Permission):
    """A user may do something they could not do before."""


@event_type(
    "Auth.Permission.Revoked",
    entity="user_id",
    owner="auth",
    retention_days=SIGN_INS_KEPT_DAYS,
    example={"user_id": 123, "permission": "trading.margin", "by_user_id": 7},
)
class PermissionRevoked(_Permission):
    """A permission was taken from a user."""
