"""Bugs put into workers on purpose: an oracle that stays green with one of them is worth nothing.

The reconciler, which would mend most of them, is left out with each.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.rig import Result, Rig, judged
from tests.waiting import eventually

FAILED_AGAIN = 3
"""Exit status of a replay that ended in new failures: poison stays poison."""

WITHOUT_IT = pytest.param("no_reconciler", marks=pytest.mark.long)
"""The same without the bug, which the oracle must let pass: `make chaos` runs it."""


def told(result: Result, sentence: str) -> bool:
    return any(sentence in finding for finding in result.wrong)


def test_acknowledging_before_the_handler_is_seen(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of(
        bug="acknowledge_before_handler,no_reconciler", crash="after-read-before-handler:kill:3"
    )
    rig.publish(300, 300).wait(60)
    rig.work(1)
    (victim,) = rig.workers
    eventually(lambda: victim.poll() is not None, 60, "the worker was killed")

    assert told(judged(rig, only_idle=True), "neither handled nor a dead letter")


@pytest.mark.parametrize("bug", ["no_reconciler", "short_streams,no_reconciler"])
def test_a_bus_that_lost_entries_is_seen_without_the_reconciler(
    rig_of: Callable[..., Rig], bug: str
) -> None:
    rig = rig_of(bug=bug)
    rig.publish(300, 300).wait(60)
    if bug == "no_reconciler":
        rig.server.flush()

    assert told(judged(rig, only_idle=True), "neither handled nor a dead letter")


def test_a_missing_inbox_is_seen(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of(bug="no_inbox,no_reconciler", crash="after-commit-before-settle:kill:1")
    rig.publish(300, 300).wait(60)
    rig.work(1)
    (victim,) = rig.workers
    eventually(lambda: victim.poll() is not None, 60, "the worker was killed")

    assert told(judged(rig, only_idle=True), "done more than once")


@pytest.mark.parametrize("bug", [WITHOUT_IT, "begin_at_the_end,no_reconciler"])
def test_a_group_made_again_at_the_end_is_seen(rig_of: Callable[..., Rig], bug: str) -> None:
    rig = rig_of()
    rig.deployment.variables["CHAOS_BUG"] = bug
    rig.publish(300, 300).wait(60)
    rig.work()
    eventually(lambda: len(rig.attempts()) > 50, 60, "the workers are at work")
    for worker in rig.workers:  # or they might have handled everything before their group is gone
        rig.deployment.kill(worker)
    rig.publish(300, 300).wait(60)
    rig.destroy_group("chaos_batch")
    rig.work()

    result = judged(rig, only_idle=True)

    # Made again at the beginning it loses nothing, with nobody to mend it.
    assert told(result, "neither handled nor a dead letter") is ("begin_at_the_end" in bug)


@pytest.mark.parametrize("bug", [WITHOUT_IT, "replay_to_all,no_reconciler"])
def test_a_replay_to_every_group_is_seen(rig_of: Callable[..., Rig], bug: str) -> None:
    rig = rig_of(bug=bug)
    rig.publish(100, 300, "raise:0.1").wait(60)
    rig.work()
    judged(rig)
    assert rig.replay() in (0, FAILED_AGAIN)

    assert told(judged(rig), "appended more than once") is ("replay_to_all" in bug)


def test_removing_a_consumer_with_what_it_holds_is_seen(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of(bug="discard_at_shutdown,no_reconciler")
    rig.publish(1_000, 1_000).wait(60)
    rig.work(1)
    eventually(lambda: len(rig.attempts()) > 50, 60, "the worker is at work")
    rig.deployment.stop(rig.workers[0])

    assert told(judged(rig, only_idle=True), "neither handled nor a dead letter")
