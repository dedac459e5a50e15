"""A handler that runs too long is stopped in the middle of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from events.limits import HandlerTimeout, TimeLimit


@contextmanager
def enforced(limit: TimeLimit) -> Iterator[None]:
    """Another thread looks at the limit all the time."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            limit.enforce()

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    over.set()
    thread.join(10)


def busy(until: Callable[[], bool]) -> None:
    """Byte code without end, as far as this thread is concerned."""
    while not until():
        pass


def test_what_runs_too_long_is_stopped_and_named() -> None:
    limit = TimeLimit()

    def slow() -> None:
        with limit.limited(0.02, "slow"):
            busy(lambda: False)

    with enforced(limit), pytest.raises(HandlerTimeout, match=r"^slow ran longer than 0\.02 s$"):
        slow()


def test_what_leaves_in_time_is_left_alone() -> None:
    limit, rounds = TimeLimit(), 0

    with enforced(limit):
        for _ in range(2_000):
            with limit.limited(30, "quick"):
                rounds += 1

    assert rounds == 2_000
    assert limit.enforce() == 0.0


def test_a_stop_that_came_too_late_reaches_nothing_that_runs_afterwards() -> None:
    limit, left = TimeLimit(), threading.Event()

    def leaves_late() -> None:
        for _ in range(300):
            try:
                with limit.limited(0.0, "over at once"):
                    pass
            except HandlerTimeout:
                continue
        busy_for = 0
        while busy_for < 100_000:
            busy_for += 1
        left.set()

    with enforced(limit):
        thread = threading.Thread(target=leaves_late)
        thread.start()
        thread.join(10)

    assert left.is_set()


def test_the_time_over_is_counted_for_one_that_does_not_notice() -> None:
    limit, go_on, began = TimeLimit(), threading.Event(), threading.Event()

    def waits_in_c() -> None:
        with limit.limited(0.01, "deaf"):
            began.set()
            go_on.wait(10)

    def deaf() -> None:
        with pytest.raises(HandlerTimeout):
            waits_in_c()

    thread = threading.Thread(target=deaf)
    thread.start()
    assert began.wait(10)
    while limit.enforce() < 0.05:
        pass

    assert limit.running_s > 0.05
    go_on.set()
    thread.join(10)
    assert limit.running_s == 0.0
