"""``manage.py setup_streams``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from events import keys
from events import transport as buses
from events.conf import bus_settings
from events.groups import Group, groups, set_up
from events.management.commands import setup_streams
from events.transport import redis
from events.transport.base import Append, Transport
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import no_bus
from tests.servers import BusServer

STREAM = "astra.trading.tradeexecuted.v1"


@pytest.fixture
def valkey(valkey_server: BusServer) -> Iterator[Transport]:
    """The bundled server as a bus, empty."""
    opened = redis.open_transport(replace(bus_settings(), redis_url=valkey_server.url))
    with buses.using(opened):
        yield opened
    redis.close_transport(opened)


@pytest.fixture
def redis_cli(valkey_server: BusServer) -> str:
    """How to reach the bundled server by redis-cli."""
    program = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if program is None:
        pytest.skip("neither redis-cli nor valkey-cli is installed")
    return f"{program} -s {valkey_server.socket}"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[Group, ...]:
    """Only two groups, for a script starts a process for every line."""
    chosen = tuple(g for g in groups() if g.name in ("revenue_trackers", "leaderboard_updaters"))
    monkeypatch.setattr(setup_streams, "groups", lambda: chosen)
    return chosen


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Where the printed script is kept."""
    return tmp_path / "setup streams.sh"


def sh(script: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", *options, str(script)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_missing_is_created_and_counted(bus: Bus) -> None:
    bus.memory._streams.clear()

    ran = run("setup_streams")

    places = sum(len(group.streams) for group in groups())
    assert ran.status == 0
    assert f"{len(groups())} groups are ready; {places} places in a stream were new." in ran.out


def test_running_it_again_is_harmless(bus: Bus) -> None:
    bus.publish(trade())

    ran = run("setup_streams")

    assert "; 0 places in a stream were new." in ran.out
    assert bus.drain() > 0


def test_without_the_bus_it_says_that_nothing_was_set_up(bus: Bus) -> None:
    with no_bus(bus):
        ran = run("setup_streams")

    assert ran.status == 1
    assert ran.out.startswith("Nothing was set up: ")


def test_printing_does_nothing_to_the_bus(bus: Bus) -> None:
    with no_bus(bus):
        ran = run("setup_streams", "--print")

    assert ran.status == 0
    assert ran.out.startswith("#!/bin/sh\n")


def test_the_printed_script_names_every_stream_and_group(bus: Bus) -> None:
    printed = run("setup_streams", "--print").out.splitlines()

    for group in groups():
        for stream in group.streams:
            assert f"create {stream} {group.name} 0" in printed
            assert f"create '{keys.retry_stream(stream, group.name)}' {group.name} 0" in printed


def test_a_group_that_starts_now_is_printed_so(
    bus: Bus, group_of: Callable[..., Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(event: object, context: object) -> None: ...

    late = group_of(note, name="late", start="now")
    monkeypatch.setattr(setup_streams, "groups", lambda: (late,))

    printed = run("setup_streams", "--print").out.splitlines()

    assert f"create {STREAM} late '$'" in printed
    assert f"create '{keys.retry_stream(STREAM, 'late')}' late 0" in printed


def test_the_printed_script_is_a_shell_script(bus: Bus, script: Path) -> None:
    script.write_text(run("setup_streams", "--print").out)

    checked = sh(script, "-n")

    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_printed_script_does_the_same_as_the_command(
    valkey: Transport, redis_cli: str, few: tuple[Group, ...], script: Path
) -> None:
    script.write_text(run("setup_streams", "--print").out)

    done = sh(script, REDIS_CLI=redis_cli)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set_up(valkey.streams, few) == 0


def test_the_printed_script_leaves_what_is_there_as_it_is(
    valkey: Transport, redis_cli: str, few: tuple[Group, ...], script: Path
) -> None:
    set_up(valkey.streams, few)
    (group,) = (group for group in few if STREAM in group.streams)
    event = trade()
    valkey.streams.append([Append(STREAM, event.event_id, event.to_json())])
    script.write_text(run("setup_streams", "--print").out)

    done = sh(script, REDIS_CLI=redis_cli)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(valkey.streams.read(group.name, "one", [STREAM], 10, 1)) == 1


def test_the_printed_script_fails_where_the_server_does_not_answer(
    bus: Bus, script: Path, tmp_path: Path
) -> None:
    cli = tmp_path / "redis-cli"
    cli.write_text("#!/bin/sh\necho 'Could not connect to Redis' >&2\nexit 1\n")
    cli.chmod(0o755)
    script.write_text(run("setup_streams", "--print").out)

    done = sh(script, REDIS_CLI=str(cli))

    assert done.returncode == 1
    assert done.stderr.count("Could not connect to Redis") == 1
