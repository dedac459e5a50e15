from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from events import Context, Event, Reject, crash
from events.conf import bus_settings
from events.errors import ConfigurationError
from events.groups import Group
from events.janitor import trim_streams
from events.operations import Actor, replay_dead_letters
from tests.bus_fixture import Bus
from tests.events.conftest import trade

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    crash.arm(None)


def arm(text: str) -> None:
    crash.arm(crash.Plan.parse(text).passed)


def test_every_point_is_passed_in_a_run(bus: Bus, group_of: Callable[..., Group]) -> None:
    def refuse(event: Event, context: Context) -> None:
        if event.data["value"] == "1.00":
            raise Reject("no")

    group, passed = group_of(refuse), list[str]()
    crash.arm(passed.append)

    bus.publish(trade())
    bus.transport.streams.read(group.name, "one that died", group.streams, 10, 0)
    bus.clock.advance(bus_settings().lease_s + 1)
    bus.drain([group])
    bus.publish(trade("1.00"))
    bus.drain([group])
    (letter,) = bus.dead_letters()
    replay_dead_letters(Actor("olga", "console", may_operate=True), [letter.pk], "try again")
    trim_streams()

    assert set(passed) == set(crash.POINTS)


def test_every_place_in_the_code_is_a_known_point() -> None:
    named = [
        point
        for path in (ROOT / "events").rglob("*.py")
        for point in re.findall(r'crash\.here\("([^"]+)"\)', path.read_text())
    ]

    assert sorted(named) == sorted(crash.POINTS)


def test_nothing_happens_where_nothing_is_armed() -> None:
    for point in crash.POINTS:
        crash.here(point)


def test_the_asked_for_passage_crashes_and_no_other() -> None:
    arm("in-trim:raise:3")
    crash.here("in-trim")
    crash.here("inside-handler")
    crash.here("in-trim")

    with pytest.raises(crash.Crash, match="at in-trim"):
        crash.here("in-trim")

    crash.here("in-trim")


def test_a_seed_makes_the_same_passages_crash_again() -> None:
    def drawn(text: str) -> list[bool]:
        (point,) = crash.Plan.parse(text).points
        return [point.is_due() for _ in range(1_000)]

    first = drawn("in-trim:raise:0.2@7")

    assert 120 < sum(first) < 280
    assert first == drawn("in-trim:raise:0.2@7")
    assert first != drawn("in-trim:raise:0.2@8")


@pytest.mark.parametrize(
    "text", ["in-trim", "in-trim:explode", "nowhere:kill", "in-trim:kill:0", "in-trim:kill:2@7"]
)
def test_what_is_no_crash_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{text}' is not a crash; write POINT:ACTION"):
        crash.Plan.parse(text)


def process(action: str) -> subprocess.Popen[bytes]:
    """A process that comes to an armed point and says so when it has survived it."""
    code = (
        "from django.conf import settings; settings.configure(ASTRA={'lease_s': 0.2});"
        "from events import crash;"
        f"crash.arm(crash.Plan.parse('in-trim:{action}').passed);"
        "crash.here('in-trim'); print('survived')"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)


def test_a_kill_is_a_kill() -> None:
    with process("kill") as victim:
        out, _ = victim.communicate(timeout=30)

    assert (victim.returncode, out) == (-signal.SIGKILL, b"")


def test_a_pause_stops_the_whole_process_and_ends_by_itself() -> None:
    with process("pause") as victim:
        _, status = os.waitpid(victim.pid, os.WUNTRACED)
        out, _ = victim.communicate(timeout=30)

    assert os.WIFSTOPPED(status)
    assert out == b"survived\n"


def test_the_settings_arm_at_the_start() -> None:
    code = "import django; django.setup(); from events import crash; crash.here('in-trim')"
    env = {**os.environ, "ASTRA_CRASH": "in-trim:kill", "ENVIRONMENT": "development"}
    env["DJANGO_SETTINGS_MODULE"] = "astra_console.settings"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=False, timeout=60)

    assert done.returncode == -signal.SIGKILL
