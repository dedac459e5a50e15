"""What one can do in the user domain; each writes its rows and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Max

from events import AstraError, Event, publish
from events.domains.rows import locked, save
from events.domains.user.models import Profile, Session, UserIds


class AlreadyRegistered(AstraError):
    """The caller must act: the user id belongs to somebody who has registered."""


def register_user(
    username: str,
    email: str,
    *,
    country: str | None = None,
    user_id: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Register a user; without an id they get the next free one. Returns the published event.

    A user that other events told of before registers under the same id. The e-mail address is
    kept in the event alone. Raises AlreadyRegistered, InvalidEvent.
    """
    with transaction.atomic():
        profile = _newcomer() if user_id is None else locked(Profile, [user_id])[user_id]
        if profile.registered_at is not None:
            raise AlreadyRegistered(f"user {user_id} has registered as {profile.username}")
        said = {
            "user_id": profile.user_id,
            "username": username,
            "email": email,
            "country": country,
        }
        event = Event.new("User.UserRegistered", said, metadata=metadata)
        profile.username, profile.country = username, country or ""
        profile.registered_at = event.occurred_at
        save(Profile, [profile])
        publish(event)
    return event


def _newcomer() -> Profile:
    """The profile of the next id that nobody has and no event told of; registrations queue here."""
    ids = locked(UserIds, [UserIds.ONLY])[UserIds.ONLY]
    while True:
        largest: int | None = Profile.objects.aggregate(largest=Max("user_id"))["largest"]
        ids.last = max(ids.last, largest or 0) + 1
        profile = locked(Profile, [ids.last])[ids.last]
        # Somebody may have registered with an id of their own choice while we waited for it.
        if profile.registered_at is None:
            save(UserIds, [ids])
            return profile


def start_session(
    user_id: int,
    device: str,
    *,
    ip: str | None = None,
    session_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Begin a session of a user on a device. Returns the published event.

    The IP address is kept in the event alone. Raises InvalidEvent, django's IntegrityError for an
    id that is taken.
    """
    said = {
        "user_id": user_id,
        "session_id": session_id or f"session-{uuid4()}",
        "device": device,
        "ip": ip,
    }
    event = Event.new("User.SessionStarted", said, metadata=metadata)
    with transaction.atomic():
        Session.objects.create(
            session_id=event.data["session_id"],
            user_id=user_id,
            device=device,
            started_at=event.occurred_at,
        )
        publish(event)
    return event
