"""Publishing an event to see what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.audit import Actor, record
from events.bus import publish
from events.conf import bus_settings
from events.envelope import Event
from events.operations.permissions import check_operator
from events.store import writing


def publish_test_event(actor: Actor, event_type: str, data: Mapping[str, Any]) -> Event:
    """Publish an event of a registered type, marked synthetic; the audit row names its id.

    Raises Refused when the actor may not, InvalidEvent with every field that is wrong, and then
    publishes nothing.
    """
    check_operator(actor, "publish test events")
    event = Event.new(
        event_type, data, producer=f"test@{bus_settings().version}", metadata={"synthetic": True}
    )
    with writing():
        publish(event)
        record(actor, "events.publish-test", str(event.event_id), type=event.event_type)
    return event
