"""What moves a group on its streams, puts it back, and takes it away.

A contract beside those of `base`, with the same implementations and one contract suite for all.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a group stands on one stream."""

    position: str
    """Id of the entry that was delivered last."""
    pending: tuple[tuple[str, int], ...]
    """What was delivered and not acknowledged: entry id, and how often it was begun; oldest first.
    """


class Moving(Protocol):
    """Positions of groups. One round trip each, unless it says otherwise."""

    def between(self, stream: str, after: str, until: str, most: int) -> list[str]:
        """Event ids of the entries behind one entry id and up to another, oldest first, at most
        `most`. One round trip for each thousand; '' for an entry that names no event."""

    def standing(self, stream: str, group: str, most: int) -> Standing:
        """Where a group stands, with at most `most` of what is pending. Raises GroupMissing."""

    def restore(
        self, stream: str, group: str, standing: Standing, entries_read: int | None = None
    ) -> int:
        """Let a group stand exactly there again: what is pending besides is acknowledged.

        Pending entries are handed back, for the next sweep to take. Returns how many of them are
        gone from the stream. What waits on its retry stream stays. `entries_read` as in
        `Streams.move`. Raises GroupMissing.
        """

    def detach(self, stream: str, group: str) -> bool:
        """Take a group from a stream, with its retries; False when it was not there."""
