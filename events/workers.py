"""Workers as classes: the same handlers, for those who think in workers.

A subclass that names itself is a handler like any other, known to the chain page, the registry and
the groups; it is registered when it is defined, so that a module of handlers need say nothing else.

    EventWorker      one event at a time, as soon as it is there (real time)
    BatchWorker      what has gathered, bounded by count and time
    ScheduledWorker  every so many seconds, or daily at a time, one instance at a time
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from datetime import date, datetime, time
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any, ClassVar, cast

from events import transport
from events.envelope import Event, now
from events.errors import ConfigurationError
from events.groups import Says, every, handles
from events.presence import process_name
from events.transport.base import Start

if TYPE_CHECKING:
    from events.tasks import Context

LOOK_EVERY_S = 20.0
"""How often a daily worker looks whether its time has come."""

CLAIM_S = 26 * 3_600.0
"""How long a day's run is remembered: longer than a day, so that no other process repeats it."""


class _Worker:
    """What the kinds that read events have in common."""

    worker_name: ClassVar[str] = ""
    """Names it; a class without a name is a base for others and registers nothing."""
    reads: ClassVar[Sequence[str]] = ()
    """Event types, by name."""
    consumer_group: ClassVar[str] = ""
    """Its group; ``{worker_name}_group`` where it says nothing."""
    max_retries: ClassVar[int] = 3
    retry_delay_seconds: ClassVar[float] = 5.0
    says: ClassVar[Sequence[str | Says]] = ()
    always_says: ClassVar[Sequence[str]] = ()
    external: ClassVar[bool] = False
    """It calls the outside world: an integration or a notification worker."""
    repeatable: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    timeout_seconds: ClassVar[float | None] = None
    depends_on: ClassVar[str] = ""
    linger_ms: ClassVar[int] = 0
    start: ClassVar[Start] = "beginning"

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if cls.__dict__.get("worker_name"):
            _register(cls)

    def can_handle(self, event: Event) -> bool:
        """Narrow `reads`: an event it says no to counts as handled and ignored."""
        return True


class EventWorker(_Worker):
    """Takes one event at a time. Override `process_event`, with ``def`` or ``async def``."""

    def process_event(self, event: Event, context: Context) -> Awaitable[None] | None:
        """Handle one event: return, raise Retry, or raise Reject."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it processes an event")


class BatchWorker(_Worker):
    """Takes what has gathered, at most a transaction's worth. Override `process_batch`."""

    def process_batch(
        self, events: Sequence[Event], contexts: Sequence[Context]
    ) -> Awaitable[None] | None:
        """Handle events together; when it fails each is given alone."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it processes a batch")


class ScheduledWorker:
    """Runs every `every_seconds`, or daily `at` a time (UTC), in one process at a time.

    A run that fails is told in the log, and comes round again at its next time.
    """

    worker_name: ClassVar[str] = ""
    every_seconds: ClassVar[float] = 0.0
    at: ClassVar[str] = ""
    """``HH:MM``, UTC."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if cls.__dict__.get("worker_name"):
            _schedule(cls)

    def run(self) -> None:
        """Do the work once."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")


def is_due(at: time, last_run: date | None, moment: datetime) -> bool:
    """Whether a daily run is due: its time has come today, and it has not run today."""
    return moment.timetz().replace(tzinfo=None) >= at and last_run != moment.date()


def _register(cls: type[_Worker]) -> None:
    """Make a class a handler. Raises ConfigurationError for what cannot be meant."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", cls.worker_name):
        raise ConfigurationError(
            f"{cls.__qualname__}: worker_name {cls.worker_name!r} must be lower-case letters, "
            "digits and underscores"
        )
    if not cls.reads or isinstance(cls.reads, str):
        raise ConfigurationError(
            f"{cls.__qualname__}: reads must be the names of event types, in a list"
        )
    batch = issubclass(cls, BatchWorker)
    method = "process_batch" if batch else "process_event"
    if getattr(cls, method) is getattr(BatchWorker if batch else EventWorker, method):
        raise ConfigurationError(f"{cls.__qualname__} does not say how: it needs a {method}")
    try:
        signature(getattr(cls, method)).bind(None, None, None)
    except TypeError as error:
        raise ConfigurationError(
            f"{cls.__qualname__}.{method} must take (self, event, context), of a batch worker "
            f"(self, events, contexts): called with them, {error}"
        ) from error
    handles(
        *cls.reads,
        group=cls.consumer_group or f"{cls.worker_name}_group",
        says=cls.says,
        always_says=cls.always_says,
        batch=batch,
        external=cls.external,
        repeatable=cls.repeatable,
        idempotent=cls.idempotent,
        timeout_s=cls.timeout_seconds,
        linger_ms=cls.linger_ms,
        depends_on=cls.depends_on,
        start=cls.start,
        max_retries=cls.max_retries,
        retry_delay_s=cls.retry_delay_seconds,
        accepts=None if cls.can_handle is _Worker.can_handle else _accepts(cls()),
    )(_function(cls, method))


def _accepts(worker: _Worker) -> Any:
    return worker.can_handle


def _function(cls: type[_Worker], method: str) -> Any:
    """The handler function of a class: it has the class's name, and makes a worker each time."""
    if iscoroutinefunction(getattr(cls, method)):

        async def run_async(*given: Any) -> None:
            await cast("Awaitable[None]", getattr(cls(), method)(*given))

        named: Any = run_async
    else:

        def run(*given: Any) -> None:
            getattr(cls(), method)(*given)

        named = run
    named.__module__, named.__qualname__ = cls.__module__, cls.__qualname__
    named.__doc__ = cls.__doc__
    return named


def _schedule(cls: type[ScheduledWorker]) -> None:
    if bool(cls.every_seconds) == bool(cls.at):
        raise ConfigurationError(f"{cls.__qualname__}: say either every_seconds or at")
    if cls.at:
        every(LOOK_EVERY_S, name=cls.worker_name)(_Daily(cls, _time(cls)))
        return
    if not cls.every_seconds > 0:
        raise ConfigurationError(f"{cls.__qualname__}: every_seconds must be more than 0")
    every(cls.every_seconds, name=cls.worker_name)(lambda: cls().run())


def _time(cls: type[ScheduledWorker]) -> time:
    try:
        return datetime.strptime(cls.at, "%H:%M").time()  # noqa: DTZ007  a time of day, UTC
    except ValueError:
        raise ConfigurationError(
            f"{cls.__qualname__}: at {cls.at!r} is not a time of day such as 06:30"
        ) from None


class _Daily:
    """Runs a worker once a day, whichever process is the first to find it due."""

    def __init__(self, cls: type[ScheduledWorker], at: time) -> None:
        self._cls, self._at = cls, at
        self._last_run: date | None = None
        self._token = process_name()

    def __call__(self) -> None:
        moment = now()
        if not is_due(self._at, self._last_run, moment):
            return
        claim = f"daily:{self._cls.worker_name}:{moment.date()}"
        ours = transport.current().leases.acquire(claim, self._token, CLAIM_S)
        self._last_run = moment.date()  # not before the bus has answered: nobody else might run it
        if ours:
            self._cls().run()
