from __future__ import annotations

import pytest

from events.retry import RetryPolicy


@pytest.mark.parametrize(("attempt", "longest_s"), [(1, 5.0), (2, 10.0), (3, 20.0)])
def test_the_longest_wait_doubles_with_every_attempt(attempt: int, longest_s: float) -> None:
    policy = RetryPolicy(max_retries=3, base_s=5.0)

    assert policy.delay_s(attempt, draw=1.0) == longest_s


def test_no_wait_is_longer_than_the_cap() -> None:
    policy = RetryPolicy(max_retries=2_000, base_s=5.0, cap_s=60.0)

    assert policy.delay_s(5, draw=1.0) == 60.0
    assert policy.delay_s(1_000, draw=1.0) == 60.0


def test_a_wait_is_drawn_from_nothing_up_to_the_longest() -> None:
    policy = RetryPolicy(max_retries=3, base_s=8.0)

    assert policy.delay_s(1, draw=0.0) == 0.0
    assert policy.delay_s(1, draw=0.25) == 2.0


def test_without_a_given_draw_waits_differ() -> None:
    policy = RetryPolicy(max_retries=3, base_s=5.0)

    drawn = [policy.delay_s(2) for _ in range(50)]

    assert len(set(drawn)) > 40
    assert all(delay_s is not None and 0 <= delay_s < 10 for delay_s in drawn)


@pytest.mark.parametrize(("max_retries", "failed"), [(3, 4), (1, 2), (0, 1)])
def test_it_gives_up_after_the_last_retry(max_retries: int, failed: int) -> None:
    policy = RetryPolicy(max_retries=max_retries)

    assert policy.delay_s(failed) is None
    assert failed == 1 or policy.delay_s(failed - 1) is not None
