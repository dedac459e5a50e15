"""Every error of the bus, by who must act on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from events.quoting import MOST_QUOTED, quoted, told

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_LISTED = 20
"""Problems that one message tells; a payload may have ten thousand fields too many."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an event: `field` is a dotted path such as ``data.value``."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


def problems_in(error: ValidationError, *prefix: str) -> tuple[Problem, ...]:
    """What a model refused, field by field behind `prefix`; no value is repeated."""
    return tuple(
        Problem(
            ".".join([*prefix, *(told(str(part), MOST_QUOTED) for part in wrong["loc"])])
            or "event",
            told(wrong["msg"].removeprefix("Value error, ")),
        )
        for wrong in error.errors(include_url=False, include_input=False)
    )


def listed(problems: Sequence[Problem]) -> str:
    """Problems as one sentence: the first MOST_LISTED, and how many more there are."""
    shown = [str(problem) for problem in problems[:MOST_LISTED]]
    more = len(problems) - len(shown)
    return "; ".join([*shown, f"and {more:,} more"] if more else shown)


class AstraError(Exception):
    """Base of every error raised by this package."""


class ConfigurationError(AstraError):
    """The one who runs it must act: a setting, a declaration or the server's policy is wrong."""


class InvalidEvent(AstraError):
    """The producer must act: the event breaks the rules in `problems`.

    `event_type` is what it calls itself, as it came; the message has no more of it than it needs.
    """

    def __init__(self, event_type: str, problems: tuple[Problem, ...]) -> None:
        self.event_type = event_type
        self.problems = problems
        super().__init__(f"{told(event_type, MOST_QUOTED)}: {listed(problems)}")


class UnknownType(InvalidEvent):
    """The producer must act: no such event type is registered."""

    def __init__(self, event_type: str, hint: str = "") -> None:
        reason = f"{quoted(event_type)} is not a registered event type{hint}"
        super().__init__(event_type, (Problem("event_type", reason),))


class UnknownFormat(InvalidEvent):
    """The producer must act: what it sent is of no format that is known."""

    def __init__(self, tried: tuple[tuple[str, str], ...]) -> None:
        self.tried = tried
        """Name of each format, and why it is not that."""
        reasons = "; ".join(f"not {name}: {why}" for name, why in tried)
        super().__init__("event", (Problem("event", f"is of no known format ({reasons})"),))


class InvalidInList(InvalidEvent):
    """The producer must act: one of several events that are taken together or not at all breaks the
    rules. The problems name its place as a path does, from 0: ``[3].data.value``."""

    def __init__(self, place: int, count: int, error: InvalidEvent) -> None:
        self.number = place + 1
        """Which of them it is, from 1."""
        self.count = count
        """How many there are; none of them is taken."""
        self.alone = error
        """What is wrong with it, as if it had come alone."""
        super().__init__(error.event_type, tuple(_at(place, one) for one in error.problems))

    def __str__(self) -> str:
        return f"number {self.number} of {self.count}: {self.alone}; none of them is taken"


def _at(place: int, problem: Problem) -> Problem:
    field = "" if problem.field == "event" else f".{problem.field}"
    return Problem(f"[{place}]{field}", problem.reason)


class BusUnavailable(AstraError):
    """Nobody must act at once: the bus server does not answer; what is in SQL waits.

    Raised by `publish_direct`, it tells what became of the events: `appended` are on the bus for
    certain, of `unknown` nobody knows, the rest is not there.
    """

    def __init__(
        self, message: str, *, appended: Sequence[UUID] = (), unknown: Sequence[UUID] = ()
    ) -> None:
        super().__init__(message)
        self.appended = tuple(appended)
        self.unknown = tuple(unknown)


class BusFull(BusUnavailable):
    """The producer must slow down, the operator look: the bus has no room for more at present."""


class BusRefused(AstraError):
    """The operator must act: the server refuses a command for itself, and will do so again."""


class Refused(AstraError):
    """The operator must act: the operation is not allowed, for the reason given."""


class Retry(AstraError):
    """Raised by a handler: a transient trouble, try this event again later.

    `delay_s` overrides the handler's own backoff for this attempt.
    """

    def __init__(self, reason: str = "asked for a retry", *, delay_s: float | None = None) -> None:
        self.reason = reason
        self.delay_s = delay_s
        super().__init__(reason)


class Reject(AstraError):
    """Raised by a handler: this event can never be handled; set it aside as a dead letter."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
