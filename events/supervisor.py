"""Child processes kept alive: started in order, started again when they die, stopped in reverse.

`manage.py up` keeps the whole console with it, `runworkers --processes` its workers:

    Supervisor([Child("worker-1", argv), Child("worker-2", argv)], report=print).run()

Children live in sessions of their own, so that Ctrl-C reaches the supervisor alone and it decides
the order in which they stop. On Linux they also die when the supervisor is killed with -9 (see
`events/tether.py`).
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

SHORTEST_WAIT_S = 0.2
LONGEST_WAIT_S = 2.0
SETTLED_AFTER_S = 10.0
"""A child that lived this long has recovered: its next death is again the first."""
READY_POLL_S = 0.1
READY_WITHIN_S = 60.0
TETHER = Path(__file__).with_name("tether.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Child:
    """One process to keep alive."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    """Variables on top of the supervisor's own."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0
    """How long it may take to stop before it is killed."""
    log: Path | None = None
    """Where its output is appended; without one it shares the supervisor's."""
    ready: Callable[[], bool] | None = None
    """Whether it does its work; asked every 0.1 s until it says yes, must answer within 1 s."""
    exit_codes: Mapping[int, str] = field(default_factory=dict)
    """What the exit codes it leaves with on purpose mean, in words; after them it starts again."""


class StopRequested(KeyboardInterrupt):
    """A stop signal arrived while the children were still being set up."""


class ChildFailed(Exception):
    """A child ended, or was not ready in time, while something waited for it."""


def restart_wait_s(early_deaths: int) -> float:
    """Seconds to wait before a start after that many deaths in a row, each soon after a start."""
    return min(SHORTEST_WAIT_S * 2.0 ** max(0, early_deaths - 1), LONGEST_WAIT_S)


def ending(returncode: int, exit_codes: Mapping[int, str] | None = None) -> str:
    """How a process ended, in words; `exit_codes` says what some of them mean."""
    if returncode >= 0:
        meaning = (exit_codes or {}).get(returncode)
        return f"ended with exit code {returncode}{f' ({meaning})' if meaning else ''}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


@dataclass
class _Running:
    """A child and where it stands."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    early_deaths: int = 0
    start_at: float | None = None
    is_ready: bool = False


@dataclass(frozen=True)
class _Ended:
    """A process of a child was seen to end."""

    name: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class _Restart:
    """Somebody wants all children stopped and started anew."""

    why: str


_Message = _Ended | _Restart | signal.Signals


@dataclass
class Supervisor:
    """Keeps children alive until a stop signal; use `run()`, or `with` and `watch()`.

    `report` is given one line for every event a person should know of. Everything happens in the
    thread that calls; on Linux that thread must outlive the children, for they are tied to it.
    """

    children: Iterable[Child]
    report: Callable[[str], Any]
    together: bool = False
    """Children are asked to stop all at once; else one after the other, the last started first."""
    restarts: bool = True
    """A child that fails is started again; else it waits for `request_restart`: code that could not
    be loaded cannot be loaded a second time. One that was killed is started again all the same."""
    _running: dict[str, _Running] = field(init=False)
    _messages: queue.SimpleQueue[_Message] = field(init=False, default_factory=queue.SimpleQueue)
    _watching: bool = field(init=False, default=False)
    _asked: int = field(init=False, default=0)
    """Stop signals heard: the first means "stop", the second "at once"."""
    _previous: dict[signal.Signals, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._running = {child.name: _Running(child) for child in self.children}

    # --- life -------------------------------------------------------------------------------------

    def run(self) -> int:
        """Start all, watch them until a stop signal, stop all; the exit status."""
        with self:
            self.start(*self._running)
            self.watch()
        return 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._heard) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._watching = True  # from here on signals are messages: a second one means "at once"
        self._asked = max(1, self._asked)
        self._stop_all()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        return isinstance(error, StopRequested)

    def start(self, *names: str) -> None:
        """Start the named children, in that order."""
        for name in names:
            self._spawn(self._running[name])

    def wait_ready(self, name: str, within_s: float = READY_WITHIN_S) -> None:
        """Return when the child is ready; raise ChildFailed when it ends first or takes longer."""
        running = self._running[name]
        deadline = time.monotonic() + within_s
        while not self._became_ready(running):
            process = running.process
            code = None if process is None else process.poll()
            if code is not None:
                raise ChildFailed(f"{name} {ending(code)}{_see(running.child)}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{name} was not ready in {within_s:g} s{_see(running.child)}")
            time.sleep(READY_POLL_S)

    def watch(self, on_ready: Callable[[], None] | None = None) -> None:
        """Start again what dies, until a stop signal; call `on_ready` once, when all are ready."""
        self._watching = True
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._asked:
            waiting = [one for one in self._running.values() if not self._became_ready(one)]
            if not waiting and on_ready is not None:
                on_ready()
                on_ready = None
            if waiting and time.monotonic() > deadline:
                self.report(f"{waiting[0].child.name} is still not ready{_see(waiting[0].child)}")
                deadline = time.monotonic() + READY_WITHIN_S
            message = self._next_message(READY_POLL_S if waiting else None)
            if isinstance(message, signal.Signals):
                self._asked += 1
            elif isinstance(message, _Restart):
                self._restart_all(message)
            elif message is not None:
                self._note_ending(message)
            if not self._asked:
                self._start_what_is_due()

    def request_stop(self) -> None:
        """What a stop signal does, for a caller in another thread."""
        self._messages.put(signal.SIGTERM)

    def request_restart(self, why: str) -> None:
        """Stop all children, as gently as at the end, and start them anew; from any thread."""
        self._messages.put(_Restart(why))

    # --- steps ------------------------------------------------------------------------------------

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if not self._watching:
            raise StopRequested
        self._messages.put(signal.Signals(number))

    def _spawn(self, running: _Running) -> None:
        child = running.child
        argv = list(child.argv)
        if sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *argv]
        output = child.log.open("ab") if child.log else None
        try:
            process = subprocess.Popen(  # noqa: S603  the caller's own commands
                argv,
                env={**os.environ, **(child.env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        running.process = process
        running.started_at = time.monotonic()
        running.start_at = None
        threading.Thread(target=self._await_end, args=(child.name, process), daemon=True).start()

    def _await_end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._messages.put(_Ended(name, process))

    def _became_ready(self, running: _Running) -> bool:
        if not running.is_ready and running.process is not None:
            running.is_ready = running.child.ready is None or running.child.ready()
        return running.is_ready

    def _next_message(self, at_most_s: float | None) -> _Message | None:
        due = [one.start_at for one in self._running.values() if one.start_at is not None]
        if due:
            until_due = max(0.0, min(due) - time.monotonic())
            at_most_s = until_due if at_most_s is None else min(until_due, at_most_s)
        try:
            return self._messages.get(timeout=at_most_s)
        except queue.Empty:
            return None

    def _note_ending(self, message: _Ended) -> None:
        running = self._running[message.name]
        if running.process is not message.process:
            return
        now = time.monotonic()
        lived_s = now - running.started_at
        running.early_deaths = 1 if lived_s >= SETTLED_AFTER_S else running.early_deaths + 1
        wait_s = restart_wait_s(running.early_deaths)
        running.process = None
        code = message.process.returncode
        how = ending(code, running.child.exit_codes)
        if not self.restarts and code > 0 and code not in running.child.exit_codes:
            self.report(f"{message.name} {how}; it waits for a change{_see(running.child)}")
            return
        running.start_at = now + wait_s
        self.report(f"{message.name} {how}; starting it again in {wait_s:g} s{_see(running.child)}")

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.start_at is not None and running.start_at <= now:
                self._spawn(running)

    def _restart_all(self, message: _Restart) -> None:
        self.report(f"{message.why}; starting again")
        self._stop_all()
        if self._asked:
            return  # a stop signal came while they drained
        for running in self._running.values():
            running.early_deaths = 0
            self._spawn(running)

    def _stop_all(self) -> None:
        alive = [one for one in reversed(self._running.values()) if _lives(one)]
        if self.together:
            for running in alive:
                _ask_to_stop(running)
        for running in alive:
            if not self.together:
                _ask_to_stop(running)
            self._await_stop(running)
        for running in self._running.values():
            running.process = running.start_at = None

    def _await_stop(self, running: _Running) -> None:
        """See one process end; a second stop signal asks for no more patience."""
        child, process = running.child, running.process
        if process is None:
            return
        deadline = time.monotonic() + child.grace_s
        while process.poll() is None and self._asked < 2 and time.monotonic() < deadline:
            with suppress(queue.Empty):
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
                self._asked += isinstance(message, signal.Signals)
        if process.poll() is None:
            if self._asked < 2:
                self.report(f"{child.name} did not stop within {child.grace_s:g} s and was killed")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _lives(running: _Running) -> bool:
    return running.process is not None and running.process.poll() is None


def _ask_to_stop(running: _Running) -> None:
    if running.process is not None:
        running.process.send_signal(running.child.stop_signal)


def _see(child: Child) -> str:
    return f"; see {child.log}" if child.log else ""
