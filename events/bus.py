"""Publishing: what `publish` returns is durable, what `publish_direct` returns is on the bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from events import relay, transport
from events.envelope import Event
from events.errors import BusFull, BusUnavailable
from events.pressure import gauge
from events.store import after_commit, store, writing
from events.transport.base import Append
from events.validation import publishable

DIRECT_CHUNK = 1_000
"""Most events of `publish_direct` on their way at a time: of so many nobody may know what became
of them when the bus goes away."""

_captured: ContextVar[list[Event] | None] = ContextVar("captured", default=None)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Ids now accepted, and ids that had been accepted before and were ignored."""

    accepted: tuple[UUID, ...]
    duplicates: tuple[UUID, ...]


@contextmanager
def capturing() -> Iterator[list[Event]]:
    """Keep everything that is published in here from the store and the bus; it is listed instead.

    Holds for this thread and what it awaits; a thread that is started in here publishes as ever.
    What is captured is validated as ever, and counts as accepted.
    """
    captured: list[Event] = []
    token = _captured.set(captured)
    try:
        yield captured
    finally:
        _captured.reset(token)


def publish(*events: Event) -> PublishResult:
    """Accept events: write them to the store, relay them to the bus after the commit.

    Runs in the caller's transaction, or in its own if there is none. When it returns (and the
    caller's transaction commits) the events survive the loss of the whole bus. Publishing an id
    again changes nothing; of an id that comes twice in one call the first is stored. Two queries
    and one append call per stream, whatever their number.
    Raises InvalidEvent, and stores none of them, when one does not validate.
    """
    checked = [publishable(event)[0] for event in events]
    if (captured := _captured.get()) is not None:
        return _capture(captured, checked)
    with writing():
        relay.marks.take_along()
        appends, duplicates = store(checked)
        after_commit(partial(relay.after_commit, appends))
    return PublishResult(tuple(item.event_id for item in appends), tuple(duplicates))


def publish_direct(*events: Event) -> PublishResult:
    """Put events straight on the bus, without SQL: for telemetry in numbers.

    Weaker than `publish`: they are lost when the bus loses its data, take no part in a transaction,
    and an id counts as a duplicate only within the bus's window (`seen_window_s`, `seen_limit`).
    The audit group stores them when it comes to them. One append call per stream and
    `append_batch` events, several in flight.

    Raises InvalidEvent, and appends none, when one does not validate; BusFull when the server is
    above 80 % of its memory or a group above `backlog_cap`, BusUnavailable when it is away. Both
    say which ids are `appended` and of which it is `unknown`; nothing is sent again by itself, but
    sending the same events again within the window appends none of them twice.
    """
    checked = [publishable(event) for event in events]
    if (captured := _captured.get()) is not None:
        return _capture(captured, [event for event, _ in checked])
    appends = [Append(event.get_stream_name(), event.event_id, body) for event, body in checked]
    accepted: list[UUID] = []
    duplicates: list[UUID] = []
    for at in range(0, len(appends), DIRECT_CHUNK):
        _put(appends, at, accepted, duplicates)
    return PublishResult(tuple(accepted), tuple(duplicates))


def _capture(captured: list[Event], events: Sequence[Event]) -> PublishResult:
    captured += events
    return PublishResult(tuple(event.event_id for event in events), ())


def _put(appends: Sequence[Append], at: int, accepted: list[UUID], duplicates: list[UUID]) -> None:
    """Append one chunk; what it did is added to the two lists, or told by the error."""
    chunk = appends[at : at + DIRECT_CHUNK]
    sent: list[UUID] = []
    try:
        streams = {item.stream for item in chunk}
        pressure = gauge.pressure(streams)
        reason = next(filter(None, map(pressure.on, sorted(streams))), "")
        if reason:
            raise BusFull(reason)
        sent = [item.event_id for item in chunk]
        appended = transport.current().streams.append(chunk)
    except BusUnavailable as error:
        raise _told(error, len(appends), [*accepted, *duplicates], sent) from error
    for item in appended:
        (duplicates if item.duplicate else accepted).append(item.event_id)


def _told(
    error: BusUnavailable, count: int, appended: Sequence[UUID], unknown: Sequence[UUID]
) -> BusUnavailable:
    """The error with what became of the events."""
    kind = BusFull if isinstance(error, BusFull) else BusUnavailable
    doubt = f", of {len(unknown):,} it is not known" if unknown else ""
    message = f"{error}; of {count:,} events {len(appended):,} are on the bus{doubt}"
    return kind(message, appended=appended, unknown=unknown)
