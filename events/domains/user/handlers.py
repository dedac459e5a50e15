"""What user does when it hears of what users did and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from events import Context, Event, every, handles
from events.domains.rows import add, forget, locked, save
from events.domains.user import webhook
from events.domains.user.models import Notification, Profile
from events.domains.user.notices import WORDING, notice
from events.domains.user.profiles import UPDATES

KEEP_NOTIFICATIONS = timedelta(days=90)

SAID = ("title", "influence", "level", "badges")
"""Fields whose value ProfileUpdated carries when they are among the changed."""


@handles(*UPDATES, group="user_profile_updaters", batch=True, always_says=["User.ProfileUpdated"])
def update_profiles(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Bring profiles up to date; say which fields each event was about, as they now are."""
    profiles = locked(Profile, [context.payload.user_id for context in contexts])
    for event, context in zip(events, contexts, strict=True):
        profile = profiles[context.payload.user_id]
        changed = UPDATES[event.event_type](profile, context.payload, event.occurred_at)
        said = {"user_id": profile.user_id, "changed": list(changed)}
        said |= {name: getattr(profile, name) for name in changed if name in SAID}
        context.caused("User.ProfileUpdated", said)
    save(Profile, profiles.values())


@handles(*WORDING, group="notification_senders", batch=True, always_says=["User.NotificationSent"])
def notify(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    """Put a notification where the user will see it."""
    notifications = []
    for event, context in zip(events, contexts, strict=True):
        told = notice(event, context.payload)
        said = {
            "notification_id": told.notification_id,
            "user_id": told.user_id,
            "kind": told.kind,
            "title": told.title,
        }
        context.caused("User.NotificationSent", {**said, "channel": "in_app"})
        notifications.append(Notification(sent_at=datetime.now(UTC), **said))
    add(notifications)


if webhook.address():
    # It says nothing: the notice was said already, and a second one would tell nothing new.
    handles(*WORDING, group="notification_senders", external=True)(webhook.deliver)


@every(3600)
def forget_old_notifications() -> None:
    """Drop notifications nobody will look for any more."""
    forget(Notification.objects.filter(sent_at__lt=datetime.now(UTC) - KEEP_NOTIFICATIONS))
