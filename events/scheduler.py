"""Periodic work, each piece in one process at a time."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, connections

from events import janitor, operations, reconciler, relay, transport
from events.errors import BusRefused, BusUnavailable
from events.groups import PeriodicJob, jobs
from events.presence import process_name
from events.store import refresh_connections

__all__ = ["Scheduler", "janitor", "operations", "reconciler", "relay"]

logger = logging.getLogger(__name__)

FIRST_WITHIN_S = 15.0
"""A rare job does not wait its whole interval after a start: processes may restart more often."""

LEAST_LEASE_S = 5.0

PAUSE_S = 1.0
"""Wait after a round that failed."""


class Scheduler:
    """Offers this process for the leases of all periodic jobs, a thread each.

    A job's trouble is its own: a slow or failing one delays no other.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._stopped = threading.Event()
        self._token = process_name()
        self._threads: list[threading.Thread] = []
        self._renewing = threading.Lock()
        self._keeper = threading.Thread(target=self._keep_leases, name="job leases", daemon=True)
        self._running: dict[str, float] = {}
        """Jobs at work in this process, and how long a lease of theirs lasts."""

    def start(self) -> None:
        """Begin, in daemon threads."""
        self._keeper.start()
        for job in jobs():
            thread = threading.Thread(
                target=self._repeat, args=(job,), name=f"job {job.name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End after the present round, and give the leases back."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._stopped.set()
        if self._keeper.is_alive():
            self._keeper.join(timeout=10)

    def _repeat(self, job: PeriodicJob) -> None:
        ill = False
        wait_s = min(job.seconds, FIRST_WITHIN_S)
        while not self._stop.wait(wait_s):
            wait_s = job.seconds
            try:
                self._once(job)
                ill = False
            except (BusUnavailable, DatabaseError) as error:
                if not ill:
                    logger.warning("job %s waits: %s", job.name, error)
                ill = True
                self._stop.wait(PAUSE_S)
            except Exception:
                logger.exception("job %s failed; it is tried again", job.name)
                self._stop.wait(PAUSE_S)
        self._give_back(job)
        connections.close_all()

    def _once(self, job: PeriodicJob) -> None:
        lease_s = max(3 * job.seconds, LEAST_LEASE_S)
        if transport.current().leases.acquire(f"job:{job.name}", self._token, lease_s):
            refresh_connections()
            self._running[job.name] = lease_s
            try:
                job.function()
            finally:
                with self._renewing:  # or its lease could be taken again when it is given back
                    del self._running[job.name]
                refresh_connections()

    def _keep_leases(self) -> None:
        """Renew the leases of what runs: a job that takes long must not run twice at once."""
        while not self._stopped.wait(LEAST_LEASE_S / 5):
            with self._renewing:
                for name, lease_s in list(self._running.items()):
                    self._renew(name, lease_s)

    def _renew(self, name: str, lease_s: float) -> None:
        try:
            transport.current().leases.acquire(f"job:{name}", self._token, lease_s)
        except (BusUnavailable, BusRefused) as error:
            logger.warning("job %s: its lease was not renewed: %s", name, error)

    def _give_back(self, job: PeriodicJob) -> None:
        try:
            transport.current().leases.drop(f"job:{job.name}", self._token)
        except BusUnavailable as error:
            logger.debug("job %s: the lease runs out by itself: %s", job.name, error)
