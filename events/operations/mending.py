"""What mending by hand has in common: the group, the bus that answers, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from events.errors import BusRefused, BusUnavailable, Refused
from events.groups import Group
from events.transport.base import GroupMissing

logger = logging.getLogger(__name__)

MOST_MENDED = 1_000
"""Most retries or entries of one action: nobody has chosen more by looking at them."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of it, by the words by which each was named."""

    done: tuple[str, ...]
    left: tuple[str, ...] = ()
    """Was not as it was shown any more, and was left alone."""


def pairs_of(group: Group) -> list[tuple[str, str]]:
    """Its streams, as the looks of the bus ask for them."""
    return [(stream, group.name) for stream in group.streams]


def check_number(count: int, what: str, verb: str) -> None:
    """Refuse none at all, and more than anybody has looked at."""
    if not 1 <= count <= MOST_MENDED:
        raise Refused(
            f"{count} {what} were chosen; to {verb} takes 1 to {MOST_MENDED:,} at a time."
        )


def names(done: Sequence[str]) -> str:
    """The target of an audit row: the one thing, or how many."""
    return done[0] if len(done) == 1 else f"{len(done)}"


@contextmanager
def afterwards(what: str) -> Iterator[None]:
    """For what follows a commit and is made good by itself where the bus has gone away."""
    try:
        yield
    except (BusUnavailable, BusRefused, GroupMissing) as error:
        logger.warning("%s: %s", what, error)


@contextmanager
def recorded(to: str) -> Iterator[None]:
    """For what is done on the bus after its audit row is committed: an action without a row would
    be worse than a row of what the bus did not do."""
    try:
        yield
    except (BusUnavailable, BusRefused, GroupMissing) as error:
        raise Refused(
            f"The bus stopped answering while it was to {to}: it may have been done, and is in the "
            f"audit. Look again. ({error})"
        ) from error


@contextmanager
def answering(to: str) -> Iterator[None]:
    """Refuse in a sentence where the bus cannot be asked; what was begun is undone with it."""
    try:
        yield
    except (BusUnavailable, BusRefused) as error:
        raise Refused(f"Nothing was changed, the bus is needed to {to}: {error}.") from error
    except GroupMissing as error:
        raise Refused(
            f"Nothing was changed, the group is not set up on the bus: {error.detail}."
        ) from error
