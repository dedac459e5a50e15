"""Every error of the bus, by who must act on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an event: `field` is a dotted path such as ``data.value``."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class AstraError(Exception):
    """Base of every error raised by this package."""


class ConfigurationError(AstraError):
    """The one who runs it must act: a setting, a declaration or the server's policy is wrong."""


class InvalidEvent(AstraError):
    """The producer must act: the event breaks the rules in `problems`."""

    def __init__(self, event_type: str, problems: tuple[Problem, ...]) -> None:
        self.event_type = event_type
        self.problems = problems
        super().__init__(f"{event_type}: " + "; ".join(str(problem) for problem in problems))


class UnknownType(InvalidEvent):
    """The producer must act: no such event type is registered."""

    def __init__(self, event_type: str, hint: str = "") -> None:
        reason = f"{event_type!r} is not a registered event type{hint}"
        super().__init__(event_type, (Problem("event_type", reason),))


class UnknownFormat(InvalidEvent):
    """The producer must act: what it sent is of no format that is known."""

    def __init__(self, tried: tuple[tuple[str, str], ...]) -> None:
        self.tried = tried
        """Name of each format, and why it is not that."""
        told = "; ".join(f"not {name}: {why}" for name, why in tried)
        super().__init__("event", (Problem("event", f"is of no known format ({told})"),))


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
