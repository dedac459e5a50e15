"""The supervisor, with tiny real processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from events.supervisor import Child, ChildFailed, Supervisor, ending, restart_wait_s
from tests.waiting import eventually

NOTE = """
import os, signal, sys, time
name, folder = sys.argv[1:3]
def note(word):
    with open(f"{folder}/notes", "a") as file:
        file.write(f"{name} {word} {os.getpid()}\\n")
"""
OBEDIENT = (
    NOTE
    + """
def stop(*_):
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("started")
while True:
    signal.pause()
"""
)
STUBBORN = (
    NOTE
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("started")
while True:
    signal.pause()
"""
)
DRAINING = (
    NOTE
    + """
def stop(*_):
    note("asked")
    while not os.path.exists(f"{folder}/go-on"):
        time.sleep(0.02)
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("started")
while True:
    signal.pause()
"""
)
LEAVING = (
    NOTE
    + """
note("started")
sys.exit(int(os.environ["CODE"]))
"""
)
PARENT = """
import sys
from events.supervisor import Child, Supervisor
code, folder = sys.argv[1:]
only = Child("only", (sys.executable, "-c", code, "only", folder))
Supervisor([only], report=lambda line: None).run()
"""


class Notes:
    """What the children wrote about themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pids(self, name: str, word: str) -> list[int]:
        return [int(pid) for n, w, pid in self._lines() if (n, w) == (name, word)]

    def names(self, word: str) -> list[str]:
        return [n for n, w, _ in self._lines() if w == word]

    def _lines(self) -> list[list[str]]:
        path = self.folder / "notes"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path)


def child(name: str, notes: Notes, code: str = OBEDIENT, grace_s: float = 10.0) -> Child:
    argv = (sys.executable, "-c", code, name, str(notes.folder))
    return Child(name, argv, grace_s=grace_s)


def leaving(code: int, notes: Notes, exit_codes: dict[int, str]) -> Child:
    """A child that ends with this code as soon as it has started."""
    argv = child("worker", notes, LEAVING).argv
    return Child("worker", argv, env={"CODE": str(code)}, exit_codes=exit_codes)


@contextmanager
def running(*children: Child, restarts: bool = True) -> Iterator[list[str]]:
    """A supervisor in a thread of its own; gives the lines it reports."""
    reported: list[str] = []
    supervisor = Supervisor(children, report=reported.append, restarts=restarts)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield reported
    finally:
        supervisor.request_stop()
        thread.join(30)
        assert not thread.is_alive()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def started(notes: Notes, *names: str) -> Callable[[], bool]:
    return lambda: set(names) <= set(notes.names("started"))


def test_children_stop_in_the_reverse_order_of_their_start(notes: Notes) -> None:
    names = ("bus", "workers", "web")

    with running(*(child(name, notes) for name in names)):
        eventually(started(notes, *names))

    assert notes.names("stopped") == ["web", "workers", "bus"]


def test_a_child_that_is_killed_is_started_again_within_two_seconds(notes: Notes) -> None:
    with running(child("workers", notes)) as reported:
        [first] = eventually(lambda: notes.pids("workers", "started"))

        os.kill(first, signal.SIGKILL)

        eventually(lambda: len(notes.pids("workers", "started")) == 2, within_s=2)
    assert reported == ["workers was ended by SIGKILL; starting it again in 0.2 s"]


def test_the_other_children_are_left_alone_when_one_dies(notes: Notes) -> None:
    with running(child("workers", notes), child("web", notes)):
        eventually(started(notes, "workers", "web"))

        os.kill(notes.pids("web", "started")[0], signal.SIGKILL)

        eventually(lambda: len(notes.pids("web", "started")) == 2)
        assert len(notes.pids("workers", "started")) == 1


def test_a_child_that_ignores_the_stop_signal_is_killed_after_its_grace(notes: Notes) -> None:
    with running(child("web", notes, STUBBORN, grace_s=0.3)) as reported:
        [pid] = eventually(lambda: notes.pids("web", "started"))

    assert not is_alive(pid)
    assert reported == ["web did not stop within 0.3 s and was killed"]


def test_a_second_stop_signal_ends_the_patience(notes: Notes) -> None:
    supervisor = Supervisor([child("web", notes, STUBBORN, grace_s=60)], report=lambda line: None)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    eventually(started(notes, "web"))

    supervisor.request_stop()
    supervisor.request_stop()

    thread.join(10)
    assert not thread.is_alive()


def test_children_that_stop_together_are_all_asked_before_one_is_waited_for(notes: Notes) -> None:
    children = [child(name, notes, DRAINING) for name in ("one", "two")]
    supervisor = Supervisor(children, report=lambda line: None, together=True)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    eventually(started(notes, "one", "two"))

    supervisor.request_stop()
    eventually(lambda: sorted(notes.names("asked")) == ["one", "two"], what="both are asked")
    assert notes.names("stopped") == []
    (notes.folder / "go-on").touch()

    thread.join(10)
    assert not thread.is_alive()


def test_a_stop_signal_while_children_drain_for_a_restart_stops_them_for_good(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    popen = subprocess.Popen

    def counted(*args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        process = popen(*args, **options)
        made.append(process.pid)
        return process

    monkeypatch.setattr("events.supervisor.subprocess.Popen", counted)
    supervisor = Supervisor([child("worker", notes, DRAINING)], report=lambda line: None)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    eventually(started(notes, "worker"))

    supervisor.request_restart("handlers.py changed")
    eventually(lambda: notes.names("asked"))
    supervisor.request_stop()
    (notes.folder / "go-on").touch()

    thread.join(10)
    assert not thread.is_alive()
    assert notes.pids("worker", "stopped") == made


def test_an_exit_code_that_means_something_is_told_with_its_meaning(notes: Notes) -> None:
    with running(leaving(75, notes, {75: "a handler is stuck"})) as reported:
        eventually(lambda: reported)

    expected = "worker ended with exit code 75 (a handler is stuck); starting it again in 0.2 s"
    assert reported[0] == expected


def test_a_child_that_fails_waits_for_a_change_when_told_so(notes: Notes) -> None:
    with running(leaving(1, notes, {75: "a handler is stuck"}), restarts=False) as reported:
        eventually(lambda: reported)

    assert reported == ["worker ended with exit code 1; it waits for a change"]
    assert notes.names("started") == ["worker"]


def test_a_child_that_leaves_on_purpose_does_not_wait_for_a_change(notes: Notes) -> None:
    with running(leaving(75, notes, {75: "a handler is stuck"}), restarts=False):
        eventually(lambda: len(notes.names("started")) == 2, what="it starts again")


def test_a_child_that_is_killed_does_not_wait_for_a_change(notes: Notes) -> None:
    with running(child("worker", notes), restarts=False):
        [first] = eventually(lambda: notes.pids("worker", "started"))

        os.kill(first, signal.SIGKILL)

        eventually(lambda: len(notes.pids("worker", "started")) == 2, what="it starts again")


def test_a_child_that_cannot_be_started_is_tried_again_ever_more_slowly(notes: Notes) -> None:
    with running(Child("ghost", ("/nonexistent/program",))) as reported:
        eventually(lambda: len(reported) == 3)

    waits = [line.rpartition("starting it again in ")[2] for line in reported[:3]]
    assert waits == ["0.2 s", "0.4 s", "0.8 s"]


def test_waiting_for_a_child_that_ends_says_so_at_once(tmp_path: Path) -> None:
    log = tmp_path / "bus.log"
    dying = Child("bus", (sys.executable, "-c", "exit(3)"), log=log, ready=lambda: False)

    with Supervisor([dying], report=lambda line: None) as supervisor:
        supervisor.start("bus")
        with pytest.raises(ChildFailed) as failure:
            supervisor.wait_ready("bus")

    assert str(failure.value) == f"bus ended with exit code 3; see {log}"


def test_waiting_for_a_child_that_is_never_ready_has_a_limit(notes: Notes) -> None:
    never = Child("bus", child("bus", notes).argv, ready=lambda: False)

    with Supervisor([never], report=lambda line: None) as supervisor:
        supervisor.start("bus")
        with pytest.raises(ChildFailed, match=r"bus was not ready in 0\.3 s"):
            supervisor.wait_ready("bus", within_s=0.3)


def test_output_goes_to_the_log_and_is_appended(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    talker = Child("web", (sys.executable, "-c", "print('hello')"), log=log)

    with running(talker):
        eventually(lambda: log.exists() and log.read_text().count("hello") >= 2)


def test_a_child_sees_the_variables_given_to_it(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    code = "import os; print(os.environ['COLOUR'], os.environ['PATH'] != '')"
    talker = Child("web", (sys.executable, "-c", code), env={"COLOUR": "teal"}, log=log)

    with running(talker):
        eventually(lambda: log.exists() and "teal True" in log.read_text())


def test_all_children_ready_is_said_once(notes: Notes) -> None:
    said: list[str] = []
    one = Child("web", child("web", notes).argv, ready=started(notes, "web"))
    supervisor = Supervisor([one], report=lambda line: None)

    def run() -> None:
        with supervisor:
            supervisor.start("web")
            supervisor.watch(on_ready=lambda: said.append("ready"))

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: said)
    supervisor.request_stop()
    thread.join(10)
    assert said == ["ready"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_stops_the_children_and_exits_with_0(
    notes: Notes, number: signal.Signals
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, OBEDIENT, str(notes.folder)])
    eventually(started(notes, "only"))

    parent.send_signal(number)

    assert parent.wait(10) == 0
    assert notes.names("stopped") == ["only"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_children_die_with_a_supervisor_that_is_killed(notes: Notes) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, STUBBORN, str(notes.folder)])
    [pid] = eventually(lambda: notes.pids("only", "started"))

    parent.kill()
    parent.wait(10)

    eventually(lambda: not is_alive(pid))


def test_early_deaths_wait_longer_up_to_two_seconds() -> None:
    waits = [restart_wait_s(deaths) for deaths in range(1, 7)]

    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_an_ending_is_told_in_words() -> None:
    assert ending(1) == "ended with exit code 1"
    assert ending(-9) == "was ended by SIGKILL"
    assert ending(-64) == "was ended by SIGRTMAX"
    assert ending(-63) == "was ended by signal 63"
