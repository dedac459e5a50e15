"""The compose file: nobody here has Docker, so what can be checked without it is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from events.management import processes

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ("setup", "web", "workers", "scheduler")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_it_follows_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    result = subprocess.run(
        [*check, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("web", processes.web("0.0.0.0", 8000)),
        ("workers", processes.workers()),
        ("scheduler", processes.scheduler()),
    ],
)
def test_it_runs_the_commands_that_up_runs(
    compose: dict[str, Any], service: str, command: tuple[str, ...]
) -> None:
    assert tuple(compose["services"][service]["command"]) == command


def test_the_image_alone_runs_the_web_process() -> None:
    command = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert command is not None
    assert tuple(json.loads(command[1])) == processes.web("0.0.0.0", 8000)


def test_every_process_has_the_same_image_and_environment(compose: dict[str, Any]) -> None:
    first, *others = (compose["services"][name] for name in CONSOLE)

    for other in others:
        assert other["image"] == first["image"]
        assert other["environment"] == first["environment"]


def test_every_variable_it_sets_is_one_the_console_reads(compose: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()

    for name in compose["services"]["web"]["environment"]:
        assert re.search(rf"^{name}=", example, re.MULTILINE), name


def test_the_bus_never_drops_keys_and_keeps_them_on_disk(compose: dict[str, Any]) -> None:
    command = compose["services"]["bus"]["command"]

    options = dict(zip(command[1::2], command[2::2], strict=True))

    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"


def test_every_named_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }

    assert used == set(compose["volumes"])


def test_every_folder_the_image_copies_exists() -> None:
    copied = re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert copied
    assert all((ROOT / name).exists() for name in copied)
