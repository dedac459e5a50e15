"""Whether the parts the console depends on work, found out within a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import django.db

from events import transport
from events.envelope import now
from events.errors import BusUnavailable
from events.pressure import gauge
from events.queries.snapshot import relay_state
from events.registry import registry

LIMIT_S = 1.0
"""A check that takes longer has failed; all run at the same time."""
RELAY_BEHIND_S = 30.0
"""An accepted event normally reaches the bus within a second."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `reason` is for anybody's eyes: no address, no error text."""

    ok: bool
    reason: str = ""
    figures: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """The findings by part: sql, bus, relay, workers."""

    checks: Mapping[str, Finding]

    @property
    def status(self) -> Literal["ok", "degraded"]:
        """One word for all of it."""
        return "ok" if all(check.ok for check in self.checks.values()) else "degraded"

    @property
    def can_serve(self) -> bool:
        """Pages and publishing work as long as SQL does."""
        return self.checks["sql"].ok


def take_health(limit_s: float = LIMIT_S) -> Health:
    """Check every part at once; never raises, takes at most `limit_s`.

    Costs three small SQL statements and four round trips to the bus. Callers at the same time share
    one reading, and a check that hangs is not begun again before it ends.
    """
    deadline = time.monotonic() + limit_s
    asked = {name: probe.ask() for name, probe in PROBES.items()}
    return Health({name: _finding(name, answer, deadline) for name, answer in asked.items()})


def sql() -> Finding:
    """Read one row that is always there."""
    with django.db.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
        cursor.fetchone()
    return Finding(ok=True)


def bus() -> Finding:
    """Ask the server who it is."""
    transport.current().inspector.server()
    return Finding(ok=True)


def relay() -> Finding:
    """Look for accepted events that should be on the bus by now, and for why they are not."""
    state = relay_state()
    oldest_s = _age_s(state.oldest_at)
    reason = ""
    if oldest_s >= RELAY_BEHIND_S:
        reason = "Accepted events wait to reach the bus."
    if _held_back():
        reason = "The bus has little room: the relay goes slowly, accepted events wait in SQL."
    return Finding(
        ok=not reason,
        reason=reason,
        figures={"waiting": state.waiting, "oldest_s": round(oldest_s, 1)},
    )


def _held_back() -> bool:
    """Whether the bus has little room; a bus that cannot be asked is another check's finding."""
    try:
        return bool(gauge.pressure([kind.stream for kind in registry.all()]).reason)
    except BusUnavailable:
        return False


def workers() -> Finding:
    """Count the workers that were heard of lately."""
    alive = sum(1 for one in transport.current().inspector.workers() if one.kind == "worker")
    return Finding(
        ok=alive > 0, reason="" if alive else "No worker is alive.", figures={"alive": alive}
    )


class Probe:
    """A check that runs in a thread of its own, once at a time."""

    def __init__(self, look: Callable[[], Finding]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._running: Future[Finding] | None = None

    def ask(self) -> Future[Finding]:
        """The answer under way, or a new one."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, answer: Future[Finding]) -> None:
        try:
            finding = self._look()
        except BusUnavailable:
            finding = Finding(ok=False, reason="The bus server does not answer.")
        except django.db.Error:
            finding = Finding(ok=False, reason="The database does not answer.")
        except Exception:  # a thread's border: whoever waits must get an answer
            logger.exception("a health check failed")
            finding = Finding(ok=False, reason="The check itself failed; the log says why.")
        finally:
            django.db.connection.close()
        answer.set_result(finding)


PROBES = {"sql": Probe(sql), "bus": Probe(bus), "relay": Probe(relay), "workers": Probe(workers)}


def _finding(name: str, answer: Future[Finding], deadline: float) -> Finding:
    try:
        return answer.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        logger.warning("the health check of %s did not end in time", name)
        return Finding(ok=False, reason="No answer in time.")


def _age_s(at: datetime | None) -> float:
    return max(0.0, (now() - at).total_seconds()) if at else 0.0
