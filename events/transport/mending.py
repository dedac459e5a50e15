"""What an operator may look at and put right on the bus: retries that wait, entries that are held.

A fourth contract beside those of `base`, and two looks of its read side. The same implementations,
one contract suite for all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import quote, unquote

import msgspec

from events.transport.base import Delivery, Failure

logger = logging.getLogger(__name__)


class WaitingRetry(msgspec.Struct, frozen=True, gc=False):
    """One event that waits for its next attempt in one group."""

    stream: str
    group: str
    event_id: str
    body: bytes
    due_at: datetime
    failures: tuple[Failure, ...] = ()
    redelivered: bool = False
    """An operator had asked for it before it failed again."""
    mark: bytes = b""
    """What the bus knows this very retry by: a later one of the same event has another."""

    @property
    def delivery(self) -> Delivery:
        """As its group would be given it now; without an entry, for it has none."""
        return Delivery(
            self.stream,
            "",
            self.event_id,
            self.body,
            retry=True,
            redelivered=self.redelivered,
            failures=self.failures,
        )


class Held(msgspec.Struct, frozen=True, gc=False):
    """An entry of a stream, or of a group's retry stream, in the hands of a consumer."""

    stream: str
    """The event's own stream, also where the entry is one of the retry stream."""
    entry_id: str
    consumer: str
    retry: bool = False

    @property
    def key(self) -> str:
        """One word for an address or a form: ``1700-0@astra.x.y.v1@host:1:a``."""
        place = f"{self.stream}{'+retry' if self.retry else ''}"
        return f"{self.entry_id}@{place}@{quote(self.consumer, safe=':')}"

    @classmethod
    def of(cls, key: str) -> Held | None:
        """What `key` names; None when it is none."""
        entry_id, place, consumer, *rest = [*key.split("@"), "", "", ""][:4]
        ms, _, sequence = entry_id.partition("-")
        if any(rest) or not (_is_number(ms) and _is_number(sequence) and place and consumer):
            return None
        stream = place.removesuffix("+retry")
        return cls(stream, entry_id, unquote(consumer), retry=stream != place)


class PendingEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry that was given to a consumer and not acknowledged yet."""

    held: Held
    idle_s: float
    """Since it was given to the consumer, or renewed by it."""
    starts: int
    """How often its handling was begun, as far as the bus knows."""
    delivery: Delivery | None
    """What stands in the stream; None where it stands there no more: nobody can handle it."""


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """An entry that was held by a group and was gone from its stream when a sweep came to it: it is
    held no more, and nobody has run it."""

    stream: str
    """The event's own stream, also where the entry was one of the retry stream."""
    group: str
    entry_id: str
    retry: bool = False


class Mending(Protocol):
    """What changes retries and held entries by hand. One round trip each; every method says, for
    each that it was given, whether it was as it was said to be, and leaves alone what was not."""

    def hasten(
        self, stream: str, group: str, event_ids: Sequence[str], due_at: float
    ) -> list[bool]:
        """Make waiting retries due at `due_at` (Unix seconds) at the latest; False: waits no
        more."""

    def take_away(self, retries: Sequence[WaitingRetry]) -> list[bool]:
        """Let retries wait no more, which then nobody runs; False: it has been woken, or has failed
        once more since."""

    def hand_back(self, group: str, entries: Sequence[Held]) -> list[bool]:
        """Have the next sweep take entries over at once, their starts as they are; False: another
        holds it, nobody does, or it is gone from its stream."""

    def drop_lost(self, group: str, entries: Sequence[Held]) -> list[bool]:
        """Acknowledge entries that are gone from their stream; False: it stands there, or nobody
        holds it."""

    def dropped(self, streams: Sequence[str]) -> list[Dropped]:
        """What sweeps of these streams have dropped and nobody has looked after since."""

    def forget_dropped(self, found: Sequence[Dropped]) -> None:
        """These have been looked after."""


def note_dropped(group: str, source: str, entry_ids: Sequence[str]) -> None:
    """Say that a sweep has met entries which are gone from their stream, and dropped them."""
    if entry_ids:
        logger.error(
            "group %s: entries of %s were gone from it while they were held: %s",
            group,
            source,
            ", ".join(entry_ids[:10]),
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20
