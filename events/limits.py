"""How long a handler may run: an exception in its own thread when its time is over."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from events.errors import AstraError


class HandlerTimeout(AstraError):
    """A handler ran longer than it may; raised in the middle of it, and retried by its policy."""


class TimeLimit:
    """Limits what runs in one thread; another thread calls `enforce` now and then.

    Python can raise an exception in another thread (`PyThreadState_SetAsyncExc`, C API), but only
    between two of its byte codes: a handler that waits in C code does not notice. It is then up to
    the caller of `enforce` to give the process up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self._began_at = 0.0
        self._ends_at = 0.0
        self._seconds = 0.0
        self._what = ""
        self._raised = False

    @contextmanager
    def limited(self, seconds: float, what: str) -> Iterator[None]:
        """Let the block run for `seconds` in this thread; HandlerTimeout names `what`."""
        self.begin(seconds, what)
        try:
            yield
        except HandlerTimeout:
            raise self.named() from None
        finally:
            self.end()

    def begin(self, seconds: float, what: str) -> float:
        """From now on this thread may run for `seconds`; `end` must follow, whatever happens.

        Returns the monotonic time.
        """
        with self._lock:
            self._thread = threading.get_ident()
            self._began_at = at = time.monotonic()
            self._ends_at = at + seconds
            self._seconds, self._what = seconds, what
        return at

    def end(self) -> None:
        """It has left the block by itself, perhaps just before it was told to."""
        with self._lock:
            self._ends_at = 0.0
            if self._raised:
                _raise_in(self._thread, None)
                self._raised = False

    def named(self) -> HandlerTimeout:
        """The timeout with its words: the C API takes a class and makes the instance itself."""
        return HandlerTimeout(f"{self._what} ran longer than {self._seconds:g} s")

    @property
    def running_s(self) -> float:
        """For how long the present block has run; 0 when there is none."""
        ends_at, began_at = self._ends_at, self._began_at
        return time.monotonic() - began_at if ends_at else 0.0

    def enforce(self) -> float:
        """Raise HandlerTimeout in a block whose time is over; for how many seconds it has been."""
        with self._lock:
            if not self._ends_at:
                return 0.0
            late_s = time.monotonic() - self._ends_at
            if late_s >= 0 and not self._raised:
                self._raised = True
                _raise_in(self._thread, HandlerTimeout)
            return max(late_s, 0.0)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have `error` raised in a thread; None takes back what was not raised yet."""
    made = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), made)
