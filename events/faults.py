"""Faults injected on purpose into synthetic events, so that recovery has something to recover."""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from events.envelope import Event
from events.errors import ConfigurationError, Reject, Retry


class InjectedReject(Reject):
    """A permanent failure that ASTRA_FAULTS asked for."""


class InjectedRetry(Retry):
    """A transient failure that ASTRA_FAULTS asked for."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of first deliveries, per group and event, that fail."""

    reject: float = 0.0
    retry: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read ``reject:0.0003,retry:0.003``; '' injects nothing. Raises ConfigurationError."""
        shares: dict[str, float] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, _, share = part.partition(":")
            try:
                shares[name] = float(share)
                valid = name in ("reject", "retry") and 0 <= shares[name] <= 1
            except ValueError:
                valid = False
            if not valid:
                raise ConfigurationError(
                    f"ASTRA_FAULTS: {part!r} is not a fault; write reject:SHARE or retry:SHARE "
                    "with a share from 0 to 1, separated by commas"
                )
        return cls(**shares)

    def strike(self, event: Event, group: str, attempt: int, redelivered: bool) -> None:
        """Fail this delivery if its lot says so. Only synthetic events, only their first attempt:
        a retry or a replay meets a cause that is gone."""
        if not event.synthetic or redelivered or attempt > 1:
            return
        lot = _lot(event.event_id, group)
        if lot < self.reject:
            raise InjectedReject("fault injected on purpose (ASTRA_FAULTS): a permanent failure")
        if lot < self.reject + self.retry:
            raise InjectedRetry("fault injected on purpose (ASTRA_FAULTS): a passing failure")


def _lot(event_id: UUID, group: str) -> float:
    """A number in [0, 1) that is the same whenever this group meets this event."""
    return random.Random(f"{event_id}{group}").random()  # noqa: S311
