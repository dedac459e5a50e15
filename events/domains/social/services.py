"""What one can do in the social domain; each writes its rows and says so in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from django.db import transaction

from events import Event, publish
from events.domains.rows import locked, save
from events.domains.social.models import Constellation, Interaction, SocialProfile, ViralContent


def create_profile(
    user_id: int, display_name: str, *, metadata: Mapping[str, Any] | None = None
) -> Event:
    """Open the social profile of a user, or open it anew under another name.

    Returns the published event. Raises InvalidEvent, and writes nothing, for a bad name.
    """
    said = {"user_id": user_id, "display_name": display_name}
    event = Event.new("Social.SocialProfileCreated", said, metadata=metadata)
    with transaction.atomic():
        profile = locked(SocialProfile, [user_id])[user_id]
        profile.display_name, profile.created_at = display_name, event.occurred_at
        save(SocialProfile, [profile])
        publish(event)
    return event


def create_constellation(
    user_id: int,
    name: str,
    *,
    constellation_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Found a constellation; without an id it is given one. Returns the published event.

    Raises InvalidEvent for a bad name or id, django's IntegrityError for an id that is taken.
    """
    said = {
        "constellation_id": constellation_id or f"constellation-{uuid4()}",
        "user_id": user_id,
        "name": name,
    }
    event = Event.new("Social.ConstellationCreated", said, metadata=metadata)
    with transaction.atomic():
        Constellation.objects.create(
            constellation_id=event.entity_id,
            founder_id=user_id,
            name=name,
            founded_at=event.occurred_at,
        )
        publish(event)
    return event


def share_viral(
    user_id: int,
    content_id: str,
    shares: int,
    *,
    platform: str = "x",
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Report how often something of this user was shared so far. Returns the published event.

    A second report of the same content is another event. Raises InvalidEvent.
    """
    said = {"content_id": content_id, "user_id": user_id, "shares": shares, "platform": platform}
    event = Event.new("Social.ViralContentShared", said, metadata=metadata)
    with transaction.atomic():
        content = locked(ViralContent, [content_id])[content_id]
        content.user_id, content.platform = user_id, platform
        content.shares = max(content.shares, shares)
        save(ViralContent, [content])
        publish(event)
    return event


def interact(
    user_id: int,
    kind: Literal["like", "comment", "follow", "share"],
    *,
    target_user_id: int | None = None,
    content_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """Like, comment on, follow or share something. Returns the published event.

    Trades are not shared here: that follows from the experience they earn. Raises InvalidEvent.
    """
    said = {
        "user_id": user_id,
        "kind": kind,
        "target_user_id": target_user_id,
        "content_id": content_id,
    }
    event = Event.new("Social.SocialInteraction", said, metadata=metadata)
    with transaction.atomic():
        Interaction.objects.create(
            event_id=event.event_id,
            user_id=user_id,
            kind=kind,
            target_user_id=target_user_id,
            content_id=content_id or "",
            happened_at=event.occurred_at,
        )
        publish(event)
    return event
