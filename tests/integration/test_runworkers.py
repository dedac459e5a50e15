"""``manage.py runworkers`` as it runs: children kept alive, stopped together, started anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.deployment import Deployment
from tests.integration.test_bus_outage import publish
from tests.waiting import eventually

HANDLERS = """
import os, time
from pathlib import Path
from events import handles
notes = Path("{folder}")
@handles("Trading.TradeExecuted", group="noters"{declared})
def note(event, context):
    {body}
"""


@pytest.fixture
def app(
    deployment: Deployment, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Install an app with one handler of this body; its handlers.py is given back."""
    package = tmp_path_factory.mktemp("apps") / "noting"
    package.mkdir()

    def write(body: str, declared: str = "") -> Path:
        if not (package / "__init__.py").exists():
            (package / "__init__.py").write_text("")
        handlers = package / "handlers.py"
        handlers.write_text(HANDLERS.format(folder=tmp_path, body=body, declared=declared))
        return handlers

    deployment.variables |= {"APPS": "noting", "PYTHONPATH": str(package.parent)}
    return write


def said(deployment: Deployment, number: int = 0) -> str:
    return (deployment.folder / f"runworkers-{number}.log").read_text()


def noted(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("note-*"))


def test_every_child_runs_is_started_again_and_drains(deployment: Deployment) -> None:
    supervisor = deployment.start("runworkers", "--processes", "2", "--threads", "2")
    eventually(lambda: said(deployment).count(" starts with ") == 2, 30, "both have started")
    victim = int(said(deployment).split(" starts with ")[0].rpartition("worker ")[2].split(":")[1])

    os.kill(victim, signal.SIGKILL)
    eventually(lambda: said(deployment).count(" starts with ") == 3, 30, "one starts again")
    publish(deployment, 1, 2, 3)
    eventually(deployment.idle, 60, "they work")

    assert "was ended by SIGKILL; starting it again in" in said(deployment)
    assert deployment.stop(supervisor) == 0
    assert said(deployment).count("has drained") == 2


def test_a_worker_that_cannot_stop_a_handler_leaves_and_is_replaced(
    deployment: Deployment, app: Callable[..., Path], tmp_path: Path
) -> None:
    app(
        'hangs = not (notes / "hung").exists()\n'
        '    (notes / "hung").touch()\n'
        "    hangs and time.sleep(600)\n"
        '    (notes / f"note-{event.event_id}").touch()',
        declared=", timeout_s=0.5",
    )
    deployment.start("runworkers", "--groups", "noters")
    eventually(lambda: " starts with " in said(deployment), 30, "it has started")

    publish(deployment, 1, 2, 3)

    eventually(lambda: len(noted(tmp_path)) == 3, 60, "another has handled them all")
    assert "leaves a handler behind that does not stop" in said(deployment)
    assert "exit code 75 (a handler did not stop when its time was over)" in said(deployment)
    handled = "group_id = (SELECT id FROM events_consumergroup WHERE name = 'noters')"
    eventually(lambda: deployment.count("events_handledevent", handled) == 3, 30, "once each")


def test_what_runs_has_the_drain_timeout_to_finish(
    deployment: Deployment, app: Callable[..., Path], tmp_path: Path
) -> None:
    app(
        '(notes / "begun").touch()\n'
        "    while not (notes / 'go-on').exists():\n"
        "        time.sleep(0.05)\n"
        '    (notes / f"note-{event.event_id}").touch()'
    )
    supervisor = deployment.start("runworkers", "--groups", "noters", "--drain-timeout", "30")
    publish(deployment, 1)
    eventually((tmp_path / "begun").exists, 30, "it is at work")

    supervisor.send_signal(signal.SIGTERM)
    (tmp_path / "go-on").touch()

    assert supervisor.wait(30) == 0
    assert len(noted(tmp_path)) == 1
    assert "has drained" in said(deployment)


def test_a_changed_handler_is_run_after_draining(
    deployment: Deployment, app: Callable[..., Path], tmp_path: Path
) -> None:
    app('(notes / "note-old").touch()')
    deployment.start("runworkers", "--groups", "noters", "--reload")
    publish(deployment, 1)
    eventually(lambda: noted(tmp_path) == ["note-old"], 30, "the old code runs")

    handlers = app("def broken(")
    eventually(lambda: "it waits for a change" in said(deployment), 30, "broken code is told")
    handlers.write_text(handlers.read_text().replace("def broken(", '(notes / "note-new").touch()'))
    eventually(lambda: said(deployment).count(" starts with ") == 2, 30, "it starts anew")
    publish(deployment, 2)

    eventually(lambda: "note-new" in noted(tmp_path), 30, "the new code runs")
    assert said(deployment).count("has drained") == 1
    assert said(deployment).count("handlers.py changed; starting again") == 2
