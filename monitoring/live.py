"""What moves without a reload: one measurement, one rendering, every open tab.

The process that holds the lease of the ticker takes a snapshot every few seconds, keeps it as a
sample, renders the fragments once and sends them to a group of the channel layer for each view.
Sockets (`consumers.py`) only pass on what comes. When the channel layer fails, pages still render;
their header says that they are disconnected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.template.loader import render_to_string

from events import every
from events.queries.snapshot import Snapshot
from monitoring import group_rows, samples
from monitoring.formats import machine
from monitoring.overview import WINDOWS, needs_count, overview
from monitoring.readings import readings

logger = logging.getLogger(__name__)

Render = Callable[[Snapshot], list[str]]

SHELL_PARTS = ("_rail_count.html", "_notices.html", "_faults.html")
"""Templates that every page has around it."""

OVERVIEW_PARTS = ("sentence", "needs", "figures", "groups", "domains", "failures")
"""Templates of the overview: each has one root element with an id of its own."""


def tick() -> None:
    """Measure the whole, keep it, show it to whoever watches."""
    snapshot = readings.current(max_age_s=samples.TICK_S / 2)
    kept = samples.record(snapshot.at, samples.values_of(snapshot), needs_count(snapshot))
    for view, (resolution_s, render) in VIEWS.items():
        if resolution_s in kept:
            show(view, snapshot, render)


every(samples.TICK_S, name="console.ticker")(tick)


def show(view: str, snapshot: Snapshot, render: Render) -> None:
    """Render a view's fragments once and send them to every socket that watches it."""
    message = {
        "type": "fragments",
        "view": view,
        "at": machine(snapshot.at),
        "html": render(snapshot),
    }
    _send(group_of(view), message)


def recheck_sockets(user_id: int) -> None:
    """Let every socket of a user look at its session again, so that a sign-out ends it at once.

    A channel layer that cannot be reached is no reason to keep somebody signed in: each socket
    looks by itself once a minute.
    """
    try:
        _send(group_of_user(user_id), {"type": "recheck"})
    except Exception:  # noqa: BLE001  the layer's backend raises errors of its own kind
        logger.warning("open sockets of user %s could not be told of the sign-out", user_id)


def group_of(view: str) -> str:
    """The channel group that carries a view's fragments."""
    return f"live.{view}"


def group_of_user(user_id: int) -> str:
    """The channel group of all sockets of one user."""
    return f"user.{user_id}"


def _shell_parts(snapshot: Snapshot) -> list[str]:
    context = {
        "snapshot": snapshot,
        "bus_seen_at": readings.bus_seen_at,
        "count": snapshot.dead_letters_open,
        "faults": snapshot.faults,
    }
    return [render_to_string(name, context) for name in SHELL_PARTS]


def _overview_parts(window: str, snapshot: Snapshot) -> list[str]:
    context: Mapping[str, object] = {"overview": overview(snapshot, window)}
    return [render_to_string(f"overview/_{part}.html", context) for part in OVERVIEW_PARTS]


def _groups_parts(snapshot: Snapshot) -> list[str]:
    context = {"snapshot": snapshot, "rows": group_rows.rows(snapshot)}
    return [render_to_string("groups/_table.html", context)]


def _workers_parts(snapshot: Snapshot) -> list[str]:
    return [render_to_string("workers/_table.html", {"snapshot": snapshot})]


VIEWS: dict[str, tuple[int, Render]] = {
    "shell": (samples.TICK_S, _shell_parts),
    "groups": (samples.TICK_S, _groups_parts),
    "workers": (samples.TICK_S, _workers_parts),
    **{
        f"overview-{window}": (
            samples.TICK_S if window == "1h" else 60,
            partial(_overview_parts, window),
        )
        for window in WINDOWS
    },
}
"""What a page may watch -> how often it is rendered (a resolution of the samples) and by what."""


def _send(group: str, message: Mapping[str, object]) -> None:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYERS names no default layer")
    async_to_sync(layer.group_send)(group, dict(message))
