from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from events import every, scheduler
from events import groups as declarations
from events.errors import BusRefused
from events.groups import PeriodicJob, jobs
from events.scheduler import Scheduler
from tests.bus_fixture import Bus
from tests.waiting import eventually

OFTEN_S = 0.01


class Runs(Counter[str]):
    """How often each scheduler ran the job; `held_by` says whose turn it is."""

    def __init__(self, bus: Bus, job: str) -> None:
        super().__init__()
        self._bus = bus
        self._lease = f"job:{job}"

    @property
    def held_by(self) -> str:
        return self._bus.memory._leases.get(self._lease, ("", 0.0))[0]

    def note(self) -> None:
        self[self.held_by] += 1


@pytest.fixture
def declare(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declare a job that is run often; there are no others."""
    monkeypatch.setattr(declarations, "_jobs", {})

    def make(function: Callable[[], None], name: str) -> None:
        every(OFTEN_S, name=name)(function)

    return make


@pytest.fixture
def started(declare: Callable[..., None]) -> Iterator[Callable[[], Scheduler]]:
    """Start schedulers; all are stopped in the end."""
    made: list[Scheduler] = []

    def start() -> Scheduler:
        made.append(Scheduler())
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def test_the_bus_brings_its_own_periodic_work() -> None:
    assert {"relay", "redeliver", "trim", "retention"} <= {job.name for job in jobs()}


def test_one_process_at_a_time_does_a_job(
    bus: Bus, declare: Callable[..., None], started: Callable[[], Scheduler]
) -> None:
    runs = Runs(bus, "count")
    declare(runs.note, "count")

    started()
    eventually(lambda: runs.total() > 2, what="the first one runs it")
    started()
    started()

    before = runs.total()
    eventually(lambda: runs.total() > before + 20, what="it is run on")
    assert len(runs) == 1


def test_another_process_goes_on_when_the_first_one_stops(
    bus: Bus, declare: Callable[..., None], started: Callable[[], Scheduler]
) -> None:
    runs = Runs(bus, "count")
    declare(runs.note, "count")
    first = started()
    eventually(lambda: runs, what="the first one runs it")
    started()

    first.stop()

    eventually(lambda: len(runs) == 2, what="the second one runs it, long before the lease ends")


def test_another_process_goes_on_when_the_lease_of_a_dead_one_ends(
    bus: Bus, declare: Callable[..., None], started: Callable[[], Scheduler]
) -> None:
    runs = Runs(bus, "count")
    declare(runs.note, "count")
    bus.transport.leases.acquire("job:count", "a process that was killed", 5.0)
    started()

    bus.clock.advance(6.0)

    eventually(lambda: runs, what="the job is taken over")
    assert "a process that was killed" not in runs


def test_leases_are_given_back_at_the_end(
    bus: Bus, declare: Callable[..., None], started: Callable[[], Scheduler]
) -> None:
    runs = Runs(bus, "count")
    declare(runs.note, "count")
    stopping = started()
    eventually(lambda: runs, what="it runs")

    stopping.stop()

    assert runs.held_by == ""
    assert not [thread for thread in threading.enumerate() if thread.name == "job count"]


def test_a_job_that_fails_stops_no_other_and_is_tried_again(
    bus: Bus,
    declare: Callable[..., None],
    started: Callable[[], Scheduler],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed: list[int] = []
    well = Runs(bus, "well")

    def fails() -> None:
        failed.append(1)
        raise ZeroDivisionError("a bug in a job")

    monkeypatch.setattr(scheduler, "PAUSE_S", OFTEN_S)
    declare(fails, "ill")
    declare(well.note, "well")
    started()

    eventually(lambda: len(failed) > 2, what="the failing job is tried again")
    before = well.total()
    eventually(lambda: well.total() > before + 2, what="the other job goes on")
    assert "job ill failed" in caplog.text
    assert "a bug in a job" in caplog.text


def test_a_slow_job_delays_no_other(
    bus: Bus, declare: Callable[..., None], started: Callable[[], Scheduler]
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    others = Runs(bus, "quick")

    def slow() -> None:
        begun.set()
        go_on.wait(10)

    declare(slow, "slow")
    declare(others.note, "quick")
    started()
    assert begun.wait(10)

    before = others.total()
    eventually(lambda: others.total() > before + 2, what="the quick job goes on")
    go_on.set()


@pytest.mark.parametrize("trouble", ["bus", "sql"])
def test_a_bus_or_database_that_is_away_is_waited_for_and_said_once(
    bus: Bus,
    declare: Callable[..., None],
    started: Callable[[], Scheduler],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    rounds: list[str] = []
    runs = Runs(bus, "count")
    locked = threading.Event()
    once = Scheduler._once

    def noted(self: Scheduler, job: PeriodicJob) -> None:
        rounds.append(job.name)
        once(self, job)

    def count() -> None:
        if locked.is_set():
            raise OperationalError("database is locked")
        runs.note()

    monkeypatch.setattr(Scheduler, "_once", noted)
    monkeypatch.setattr(scheduler, "PAUSE_S", OFTEN_S)
    declare(count, "count")
    caplog.set_level(logging.WARNING)
    if trouble == "bus":
        bus.memory.down = "test"
    else:
        locked.set()
    started()

    eventually(lambda: len(rounds) > 3, what="it tries again")
    locked.clear()
    bus.memory.down = ""
    eventually(lambda: runs.total() > 2, what="it goes on")
    assert caplog.text.count("job count waits") == 1


def test_a_job_that_takes_long_is_not_run_twice_at_once(
    bus: Bus,
    declare: Callable[..., None],
    started: Callable[[], Scheduler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduler, "LEAST_LEASE_S", 0.2)
    begun, go_on, at_once = threading.Event(), threading.Event(), threading.Semaphore(1)
    twice: list[str] = []

    def takes_long() -> None:
        if not at_once.acquire(blocking=False):
            twice.append("at once")
            return
        begun.set()
        go_on.wait(10)
        at_once.release()

    declare(takes_long, "long")
    started()
    started()
    assert begun.wait(10)
    over = time.monotonic() + 1.0  # five leases

    eventually(lambda: time.monotonic() > over, what="its lease would be over")
    go_on.set()

    assert twice == []


def test_a_lease_that_is_given_back_is_not_taken_again_by_a_renewal_under_way(
    bus: Bus,
    declare: Callable[..., None],
    started: Callable[[], Scheduler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewing, given_back = threading.Event(), threading.Event()
    acquire, drop = bus.memory.acquire, bus.memory.drop

    def slowly(name: str, token: str, lease_s: float) -> bool:
        if threading.current_thread().name == "job leases":
            renewing.set()
            given_back.wait(0.5)  # as long as somebody gives it back meanwhile
        return acquire(name, token, lease_s)

    def noted(name: str, token: str) -> None:
        drop(name, token)
        given_back.set()

    monkeypatch.setattr(scheduler, "LEAST_LEASE_S", 0.2)
    monkeypatch.setattr(bus.memory, "acquire", slowly)
    monkeypatch.setattr(bus.memory, "drop", noted)
    runs = Runs(bus, "long")
    declare(lambda: (renewing.wait(10), runs.note()), "long")  # type: ignore[arg-type]
    stopping = started()
    assert renewing.wait(10)

    stopping.stop()

    assert given_back.is_set()
    assert runs.held_by == ""


def test_leases_are_renewed_on_after_the_server_has_refused_once(
    bus: Bus,
    declare: Callable[..., None],
    started: Callable[[], Scheduler],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    renewals: list[str] = []
    go_on = threading.Event()
    acquire = bus.memory.acquire

    def refused_once(name: str, token: str, lease_s: float) -> bool:
        if threading.current_thread().name == "job leases":
            renewals.append(name)
            if len(renewals) == 1:
                raise BusRefused("READONLY You can't write against a read only replica.")
        return acquire(name, token, lease_s)

    monkeypatch.setattr(scheduler, "LEAST_LEASE_S", 0.2)
    monkeypatch.setattr(bus.memory, "acquire", refused_once)
    declare(lambda: go_on.wait(10), "long")  # type: ignore[arg-type]
    started()

    eventually(lambda: len(renewals) > 2, what="it is renewed again")
    go_on.set()
    assert "job long: its lease was not renewed: READONLY" in caplog.text
