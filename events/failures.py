"""What a failed attempt leads to, and by which mark alike failures know each other. Pure."""

from __future__ import annotations

import hashlib
import math
import sysconfig
import traceback
from dataclasses import dataclass
from types import TracebackType

from pydantic import ValidationError

from events.errors import InvalidEvent, Reject, Retry, listed, problems_in
from events.retry import RetryPolicy

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 20_000
"""Most characters kept of an error; the head of a message and the tail of a traceback."""

MOST_DELAY_S = 86_400.0
"""Longest wait a handler may ask for: a day. The inbox must outlive it."""

LIBRARIES = ("<frozen ", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
"""How the file names of code begin that is not ours: Python's own and what is installed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Bury:
    """Set it aside as a dead letter of this kind."""

    kind: str


Decision = Wait | Bury


def decide(error: BaseException, policy: RetryPolicy, attempt: int) -> Decision:
    """What follows from `error` in attempt number `attempt` (1 = the first).

    Reject and an event that does not validate are permanent; Retry may name its own delay, up to
    MOST_DELAY_S (one that makes no sense is passed over); anything else is a bug that is retried by
    the handler's policy.
    """
    if isinstance(error, Reject | InvalidEvent):
        return Bury("permanent")
    delay_s = policy.delay_s(attempt)
    if delay_s is None:
        return Bury("exhausted")
    if isinstance(error, Retry) and _is_delay(error.delay_s):
        return Wait(min(float(error.delay_s or 0), MOST_DELAY_S))
    return Wait(delay_s)


def _is_delay(delay_s: object) -> bool:
    """Whether a handler's own delay can be meant: infinity, a negative number or text cannot."""
    return isinstance(delay_s, int | float) and math.isfinite(delay_s) and delay_s >= 0


def describe(error: BaseException) -> tuple[str, str]:
    """Class name and message of an error, for people; also of one whose message fails itself."""
    name = type(error).__name__
    return name, storable(message_of(error) or name)[:MAX_MESSAGE]


def message_of(error: BaseException) -> str:
    """What an error says; what a model refuses as our own list: pydantic's has addresses of its
    manual in it, and the values that were refused."""
    if isinstance(error, ValidationError):
        return f"{error.title}: {listed(problems_in(error))}"
    return str(traceback.TracebackException(type(error), error, None))


def traceback_text(error: BaseException) -> str:
    """The traceback as Python prints it; its tail when it is very long."""
    return storable("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:]


def fingerprint(error_class: str, handler: str, frame: str) -> str:
    """Sixteen hex digits, alike for failures of the same kind at the same place."""
    return hashlib.sha256(f"{error_class}|{handler}|{frame}".encode()).hexdigest()[:16]


def innermost_frame(error: BaseException) -> str:
    """``module:function`` of the deepest frame that is not a library's; '' if there is none.

    Line numbers are left out: they change with every edit, the failure does not.
    """
    found = ""
    at: TracebackType | None = error.__traceback__
    while at is not None:
        module = str(at.tb_frame.f_globals.get("__name__", ""))
        if not at.tb_frame.f_code.co_filename.startswith(LIBRARIES):
            found = f"{module}:{at.tb_frame.f_code.co_qualname}"
        at = at.tb_next
    return found


def storable(text: str) -> str:
    """The text without what a database refuses: NUL (PostgreSQL), lone surrogates (any)."""
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()
