"""Circuit breaker: what fails again and again is left alone for a while. Pure: time is given.

After Nygard, "Release It!": closed, then open for a while once too many calls fail, then half-open
for one probe, which closes it or opens it for longer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a dependency is given up for a while."""

    window_s: float = 30.0
    """Only calls of this last time are judged."""
    least_calls: int = 10
    """Fewer calls than this say nothing."""
    share: float = 0.5
    """Share of failed calls from which it opens."""
    rest_s: float = 5.0
    """How long it is first left alone; twice as long after each probe that failed."""
    most_rest_s: float = 300.0


class Breaker:
    """One dependency of one group, as one process sees it. `at` is any clock that only grows."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._calls: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._rest_s = policy.rest_s
        self.rests_until = -math.inf
        """When the next probe may be made; minus infinity while it is closed."""

    @property
    def is_closed(self) -> bool:
        return self.rests_until == -math.inf

    def note(self, ok: bool, at: float) -> bool:
        """A call succeeded or failed; True when that closed or opened the breaker.

        While it is open the first success closes it. A failure during its rest comes from a call
        that was under way and changes nothing.
        """
        if self.is_closed:
            self._count(ok, at)
            if self._is_too_much():
                self._open(at)
                return True
            return False
        if ok:
            self._close()
            return True
        if at >= self.rests_until:
            self._rest_s = min(2 * self._rest_s, self._policy.most_rest_s)
            self._open(at)
            return True
        return False

    def _count(self, ok: bool, at: float) -> None:
        self._calls.append((at, ok))
        self._failed += not ok
        while self._calls[0][0] < at - self._policy.window_s:
            _, was_ok = self._calls.popleft()
            self._failed -= not was_ok

    def _is_too_much(self) -> bool:
        count = len(self._calls)
        return count >= self._policy.least_calls and self._failed >= self._policy.share * count

    def _open(self, at: float) -> None:
        self._calls.clear()
        self._failed = 0
        self.rests_until = at + self._rest_s

    def _close(self) -> None:
        self.rests_until = -math.inf
        self._rest_s = self._policy.rest_s


class Breakers:
    """Those of one group: while one of its dependencies rests, the whole group does."""

    def __init__(self, dependencies: Iterable[str], policy: BreakerPolicy) -> None:
        self._breakers = {name: Breaker(policy) for name in sorted(set(dependencies))}

    def note(self, dependency: str, ok: bool, at: float) -> str:
        """A call of `dependency` succeeded or failed; what to log if that changes anything."""
        breaker = self._breakers[dependency]
        if not breaker.note(ok, at):
            return ""
        if breaker.is_closed:
            return f"{dependency} answers again: the group goes on"
        return (
            f"{dependency} fails again and again: the group leaves it alone for "
            f"{breaker.rests_until - at:g} s, then tries one event"
        )

    @property
    def rests_until(self) -> float:
        """Until when the group rests; minus infinity when nothing keeps it from working."""
        return max((b.rests_until for b in self._breakers.values()), default=-math.inf)

    @property
    def open(self) -> tuple[str, ...]:
        """Dependencies that have failed and not answered since, by name."""
        return tuple(name for name, b in self._breakers.items() if not b.is_closed)
