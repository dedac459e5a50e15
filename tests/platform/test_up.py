"""`manage.py up`, started for real."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from events.management.bundled_bus import answers
from events.management.first_start import only_one
from tests.running_console import (
    RunningConsole,
    children_of,
    command_of,
    free_port,
    running_console,
    up,
)
from tests.servers import BusServer
from tests.waiting import eventually


@pytest.fixture(scope="module")
def console() -> Iterator[RunningConsole]:
    with running_console() as started:
        yield started


def health(console: RunningConsole) -> dict[str, object]:
    status, body = console.get("/health")
    return json.loads(body) if status == 200 else {}


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=30)
    return process.returncode, output.strip()


def test_it_says_what_it_does_and_where_it_is(console: RunningConsole) -> None:
    said = [" ".join(line.split()) for line in console.lines]

    assert said[0] == "bus server ready"
    assert "streams and groups ready" in said
    assert f"Astra Console {console.url}/" in said
    assert "user admin" in said
    assert f"password {console.password}" in said


def test_every_part_runs_and_is_healthy(console: RunningConsole) -> None:
    eventually(lambda: health(console).get("status") == "ok", 30)

    assert set(console.children()) == {"bus", "web", "workers", "scheduler"}


def test_every_part_keeps_events_for_as_long(console: RunningConsole) -> None:
    """Or how long they stay would depend on whose turn the janitor is."""
    told = {name: environment(pid) for name, pid in console.children().items() if name != "bus"}

    assert {
        name: found.get("ASTRA_RETENTION_DAYS") for name, found in told.items()
    } == dict.fromkeys(("web", "workers", "scheduler"), "3")


def environment(pid: int) -> dict[str, str]:
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_secrets_can_be_read_by_their_owner_only(console: RunningConsole) -> None:
    for name in ("admin-password", "secret-key"):
        assert (console.data_dir / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["web", "workers", "scheduler", "bus"])
def test_a_part_that_is_killed_comes_back_within_two_seconds(
    console: RunningConsole, name: str
) -> None:
    before = eventually(lambda: console.children().get(name))

    os.kill(before, signal.SIGKILL)

    eventually(lambda: console.children().get(name, before) != before, 2)
    eventually(lambda: health(console).get("status") == "ok", 60)
    assert any(f"{name} was ended by SIGKILL" in line for line in console.lines)


def test_a_second_console_on_the_same_folder_is_refused(console: RunningConsole) -> None:
    status, output = ended(up(console.data_dir, free_port()))

    assert status == 1
    assert output == (
        f"CommandError: Another console (process {console.process.pid}) runs on the data folder"
        f" {console.data_dir}: stop it, or choose another: make up DATA_DIR=other PORT=8001"
    )


def test_a_folder_that_nothing_can_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()

    with (
        pytest.raises(CommandError, match=f"DATA_DIR must be .*: {tmp_path}/up.lock cannot be"),
        only_one(tmp_path),
    ):
        pass


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        status, output = ended(up(tmp_path, port))

    assert status == 1
    assert output == (
        f"CommandError: The console cannot listen on port {port} of 127.0.0.1 (Address already in"
        f" use): stop what uses it, or choose another: make up PORT={port + 1}"
    )


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    port = free_port()

    status, output = ended(up(tmp_path, port, HOST="203.0.113.9"))

    assert status == 1
    assert output == (
        f"CommandError: The console cannot listen on port {port} of 203.0.113.9"
        " (Cannot assign requested address)"
    )


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    status, output = ended(up(tmp_path, free_port(), SIMULATE="many"))

    assert status == 1
    assert output == (
        "Astra Console cannot start: SIMULATE must be a number from 0 to 10000, not 'many'."
    )


def test_it_stops_everything_and_keeps_its_data(tmp_path: Path) -> None:
    with running_console(tmp_path) as console:
        password = console.password
        pids = [console.process.pid, *console.children().values()]
        assert console.stop() == 0

    assert not any(command_of(pid) for pid in pids)
    assert not answers(tmp_path / "bus.sock")
    assert console.lines[-1] == "everything has stopped"
    with running_console(tmp_path) as again:
        assert again.password == password
        assert "static files collected" not in again.lines


def test_nothing_stays_behind_when_it_is_killed(tmp_path: Path) -> None:
    with running_console(tmp_path) as console:
        pids = children_of(console.process.pid)
        assert len(pids) == 4

        console.process.kill()

        eventually(lambda: not any(command_of(pid) for pid in pids))


def test_a_given_bus_server_is_used_instead_of_the_bundled_one(
    tmp_path: Path, redis_server: BusServer
) -> None:
    with running_console(tmp_path, REDIS_URL=redis_server.url) as console:
        eventually(lambda: health(console).get("status") == "ok", 30)

        assert "bus" not in console.children()


def test_a_given_password_is_set_and_not_printed(tmp_path: Path) -> None:
    with running_console(tmp_path, ADMIN_PASSWORD="a chosen password") as console:
        assert not (tmp_path / "admin-password").exists()
        assert not any("a chosen password" in line for line in console.lines)
