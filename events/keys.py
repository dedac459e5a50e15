"""Every Redis key of the bus: what it holds, who writes it, when it expires.

What belongs to a stream carries the whole stream name as hash tag, so that it lives in the
stream's own cluster slot and one script may touch both.
"""

from __future__ import annotations

PREFIX = "astra"


def retry_stream(stream: str, group: str) -> str:
    """Stream of entries that only `group` reads again. Written by promotion and redelivery;
    trimmed once handled."""
    return f"{{{stream}}}:retry:{group}"


def source(stream: str, group: str, *, retry: bool) -> str:
    """Where an entry of a group stands: on the stream itself, or on the group's retry stream."""
    return retry_stream(stream, group) if retry else stream


def due(stream: str, group: str) -> str:
    """Sorted set: event id -> time (ms) at which its retry is due. Written by settle, emptied by
    promotion."""
    return f"{{{stream}}}:due:{group}"


def bodies(stream: str, group: str) -> str:
    """Hash: event id -> packed retry. Written and emptied together with `due`."""
    return f"{{{stream}}}:body:{group}"


def sweep_cursor(stream: str, group: str) -> str:
    """String: where the last reclaim sweep of this stream and group stopped. Never expires."""
    return f"{{{stream}}}:sweep:{group}"


def dropped(stream: str) -> str:
    """Set: entries of this stream and its retry streams that a sweep found held and gone. Written
    by reclaim, emptied by the reconciler once it has put back what the store has."""
    return f"{{{stream}}}:dropped"


def seen(stream: str) -> str:
    """Sorted set: event id -> time (ms) in its entry's id. Written by append, bounded by time and
    number there; expires a window after the last append."""
    return f"{{{stream}}}:seen"


def lease(name: str) -> str:
    """String: token of the process that does the periodic work `name`. Expires with the lease."""
    return f"{PREFIX}:lease:{name}"


def worker(name: str) -> str:
    """String: JSON of one live process. Written by its heartbeat, expires when it stops beating."""
    return f"{PREFIX}:worker:{name}"


def workers() -> str:
    """Sorted set: process name -> time (s) at which it is taken for gone. Written by heartbeats."""
    return f"{PREFIX}:workers"


def incarnation() -> str:
    """String: random word, made by the first who asks after the server lost its data. Never
    expires."""
    return f"{PREFIX}:incarnation"
