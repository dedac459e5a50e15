"""Publishing: what `publish` returns is durable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from events import relay
from events.envelope import Event
from events.store import after_commit, store, writing
from events.validation import publishable


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Ids now stored, and ids that had been stored before and were ignored."""

    accepted: tuple[UUID, ...]
    duplicates: tuple[UUID, ...]


def publish(*events: Event) -> PublishResult:
    """Accept events: write them to the store, relay them to the bus after the commit.

    Runs in the caller's transaction, or in its own if there is none. When it returns (and the
    caller's transaction commits) the events survive the loss of the whole bus. Publishing an id
    again changes nothing; of an id that comes twice in one call the first is stored. Two queries
    and one append call per stream, whatever their number.
    Raises InvalidEvent, and stores none of them, when one does not validate.
    """
    checked = [publishable(event)[0] for event in events]
    with writing():
        relay.marks.take_along()
        appends, duplicates = store(checked)
        after_commit(partial(relay.after_commit, appends))
    return PublishResult(tuple(item.event_id for item in appends), tuple(duplicates))
