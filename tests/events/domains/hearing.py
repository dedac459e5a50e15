"""How a test lets one group hear an event, and looks at what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps

from events import Event
from events.groups import group
from events.transport.base import Redelivery
from tests.bus_fixture import Bus

Said = list[tuple[str, dict[str, Any]]]


def hear(bus: Bus, group_name: str, *events: Event) -> Said:
    """Publish the events and run this group alone: what it said, in order, as type and payload."""
    before = len(bus.events())
    bus.publish(*events)
    bus.drain([group(group_name)])
    said = bus.events()[before + len(events) :]
    return [(event.event_type, event.data) for event in said]


def hear_again(bus: Bus, group_name: str, *events: Event) -> int:
    """Deliver the events to this group once more; how many deliveries it took."""
    for event in events:
        again = Redelivery(event.get_stream_name(), str(event.event_id), event.to_json())
        bus.transport.streams.redeliver(group_name, [again])
    return bus.drain([group(group_name)])


def kept(domain: str) -> Mapping[str, list[dict[str, Any]]]:
    """All rows of a domain's tables, by model."""
    models = apps.get_app_config(domain).get_models()
    return {model.__name__: sorted(model._default_manager.values(), key=str) for model in models}
