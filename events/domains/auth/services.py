"""Who may sign in and what they may do; each writes its rows and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from django.db import transaction

from events import AstraError, Event, publish
from events.domains.auth.models import Account, Permission, SignIn

Metadata = Mapping[str, Any] | None


class AuthRefused(AstraError):
    """The caller must act: account, session or permission do not stand so that this could be."""


@transaction.atomic
def register_account(
    user_id: int,
    username: str,
    method: Literal["password", "passkey", "google", "apple"] = "password",
    *,
    ip: str | None = None,
    metadata: Metadata = None,
) -> Event:
    """Give a user an account to sign in with. Returns the published event.

    The IP address is kept in the event alone. Raises AuthRefused when they have one, InvalidEvent.
    """
    said = {"user_id": user_id, "username": username, "method": method, "ip": ip}
    event = Event.new("Auth.User.Registered", said, metadata=metadata)
    account, is_new = Account.objects.get_or_create(
        user_id=user_id,
        defaults={"username": username, "method": method, "registered_at": event.occurred_at},
    )
    if not is_new:
        raise AuthRefused(f"user {user_id} has an account, {account.username}")
    publish(event)
    return event


@transaction.atomic
def log_in(user_id: int, device: str, *, ip: str | None = None, metadata: Metadata = None) -> Event:
    """Begin a session of a user who has an account. Returns the published event.

    The IP address is kept in the event alone. Raises AuthRefused, InvalidEvent.
    """
    account = Account.objects.filter(pk=user_id).first()
    if account is None:
        raise AuthRefused(f"user {user_id} has no account: register one first")
    said = {
        "user_id": user_id,
        "session_id": f"session-{uuid4().hex}",
        "method": account.method,
        "device": device,
        "ip": ip,
    }
    event = Event.new("Auth.User.LoggedIn", said, metadata=metadata)
    SignIn.objects.create(
        session_id=event.data["session_id"],
        user_id=user_id,
        device=device,
        began_at=event.occurred_at,
    )
    publish(event)
    return event


@transaction.atomic
def log_out(session_id: str, *, metadata: Metadata = None) -> Event:
    """End a session because its user wants it. Returns the published event.

    Raises AuthRefused when it has ended or nobody knows it.
    """
    return _ended(session_id, "User.LoggedOut", {}, metadata)


@transaction.atomic
def expire_session(session_id: str, idle_s: int, *, metadata: Metadata = None) -> Event:
    """End a session nobody has used for so long. Returns the published event.

    Raises AuthRefused when it has ended or nobody knows it, InvalidEvent.
    """
    return _ended(session_id, "Session.Expired", {"idle_s": idle_s}, metadata)


def _ended(session_id: str, action: str, more: Mapping[str, int], metadata: Metadata) -> Event:
    session = SignIn.objects.select_for_update().filter(pk=session_id).first()
    # The id stays out of the message: a log must not tell it.
    if session is None:
        raise AuthRefused("nobody knows a session of this id")
    if session.ended_at is not None:
        raise AuthRefused(f"this session of user {session.user_id} has ended")
    said = {"user_id": session.user_id, "session_id": session_id, **more}
    event = Event.new(f"Auth.{action}", said, metadata=metadata)
    session.ended_at = event.occurred_at
    session.save(update_fields=["ended_at"])
    publish(event)
    return event


@transaction.atomic
def grant_permission(
    user_id: int, permission: str, *, by_user_id: int | None = None, metadata: Metadata = None
) -> Event:
    """Let a user do something. Returns the published event.

    Raises AuthRefused when they may already, InvalidEvent.
    """
    said = {"user_id": user_id, "permission": permission, "by_user_id": by_user_id}
    event = Event.new("Auth.Permission.Granted", said, metadata=metadata)
    _, is_new = Permission.objects.get_or_create(
        user_id=user_id, permission=permission, defaults={"granted_at": event.occurred_at}
    )
    if not is_new:
        raise AuthRefused(f"user {user_id} has the permission {permission} already")
    publish(event)
    return event


@transaction.atomic
def revoke_permission(
    user_id: int, permission: str, *, by_user_id: int | None = None, metadata: Metadata = None
) -> Event:
    """Take a permission from a user. Returns the published event.

    Raises AuthRefused when they do not have it, InvalidEvent.
    """
    said = {"user_id": user_id, "permission": permission, "by_user_id": by_user_id}
    event = Event.new("Auth.Permission.Revoked", said, metadata=metadata)
    removed, _ = Permission.objects.filter(user_id=user_id, permission=permission).delete()
    if not removed:
        raise AuthRefused(f"user {user_id} does not have the permission {permission}")
    publish(event)
    return event
