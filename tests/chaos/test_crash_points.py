"""Every crash point: a process dies, fails or stands still there, and nothing comes of it.

Those marked `long` are run by ``make chaos``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.crash import POINTS
from tests.chaos.rig import Rig, judged
from tests.chaos.test_cells import check
from tests.waiting import eventually

long = pytest.mark.long

IN_WORKERS = [
    "after-append-before-mark:kill:3",
    "inside-handler:kill:150",
    "after-commit-before-settle:kill:10",
    "after-dead-letter-before-acknowledge:kill:2",
    pytest.param("after-read-before-handler:kill:20", marks=long),
    pytest.param("after-commit-before-relay:kill:5", marks=long),
    pytest.param(
        "after-commit-before-settle:kill:10,after-claim-before-handler:kill:1", marks=long
    ),
    pytest.param("in-trim:kill:5", marks=long),
]
"""Where a worker dies."""

NOT_DYING = [
    f"{point}:{action}"
    for point in ("inside-handler", "after-commit-before-settle", "after-append-before-mark")
    for action in ("raise:5", "pause:5")
]
"""Where it fails or stands still for longer than its lease, and goes on."""


@pytest.mark.parametrize("crash", IN_WORKERS)
def test_a_worker_killed_between_two_steps_leaves_no_trace(
    rig_of: Callable[..., Rig], crash: str
) -> None:
    rig = rig_of()
    rig.publish(300, 300, "raise:0.05").wait(60)
    rig.deployment.variables["ASTRA_CRASH"] = crash
    rig.work()

    eventually(lambda: rig.work() or rig.struck(crash), 90, "a worker came to its crash point")
    eventually(lambda: any(v.poll() == -9 for v in rig.deployment.running), 60, "it was killed")
    result = judged(rig)

    check(result, bit=rig.struck(crash))


@long
@pytest.mark.parametrize("crash", NOT_DYING)
def test_a_worker_that_fails_or_stands_still_leaves_no_trace(
    rig_of: Callable[..., Rig], crash: str
) -> None:
    rig = rig_of()
    rig.publish(300, 300).wait(60)
    rig.deployment.variables["ASTRA_CRASH"] = crash
    rig.work()

    eventually(lambda: rig.struck(crash), 60, "a worker came to its crash point")
    result = judged(rig)

    check(result, bit=rig.struck(crash))


@long
@pytest.mark.parametrize(
    "crash", ["after-commit-before-relay:kill:50", "after-append-before-mark:kill:50"]
)
def test_a_client_killed_between_two_steps_has_published_or_has_not(
    rig_of: Callable[..., Rig], crash: str
) -> None:
    rig = rig_of()
    rig.work()
    rig.deployment.variables["ASTRA_CRASH"] = crash
    client = rig.publish(300, 300)
    client.wait(60)

    result = judged(rig)

    check(result, bit=client.returncode == -9)


@long
def test_a_replay_killed_half_way_is_finished_by_others(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.publish(200, 300, "raise:0.2").wait(60)
    rig.work()
    judged(rig)
    rig.deployment.variables["ASTRA_CRASH"] = "in-bulk-replay:kill:1"

    status = rig.replay()
    result = judged(rig)

    check(result, bit=status == -9)


def test_no_crash_point_is_forgotten() -> None:
    tried = [str(getattr(crash, "values", crash)) for crash in IN_WORKERS]

    assert [point for point in POINTS if point not in " ".join(tried)] == ["in-bulk-replay"]
