"""When to try again: pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a handler wants its transient failures treated (TradeSense: 3 retries, 5 s base)."""

    max_retries: int = 3
    base_s: float = 5.0
    cap_s: float = 300.0

    def delay_s(self, attempt: int, draw: float | None = None) -> float | None:
        """Seconds to wait after failed attempt `attempt` (1 = the first), or None to give up.

        Exponential with full jitter, ``uniform(0, min(base * 2**n, cap))``: the AWS Architecture
        Blog's "Exponential Backoff and Jitter" shows that it spreads load best. `draw` in [0, 1)
        replaces the random number.
        """
        if attempt > self.max_retries:
            return None
        ceiling = min(self.base_s * 2.0 ** (attempt - 1), self.cap_s)
        return ceiling * (random.random() if draw is None else draw)  # noqa: S311
