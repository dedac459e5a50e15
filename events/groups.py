"""Consumer groups as the installed apps declare them, and periodic work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import async_to_sync
from django.apps import apps

from events.envelope import Event, domain_of
from events.errors import ConfigurationError, UnknownType
from events.registry import EventType, registry
from events.retry import RetryPolicy
from events.transport.base import Start, Streams

if TYPE_CHECKING:
    from events.tasks import Context

EVERYTHING = "*"
ANALYTICS = "analytics"
"""The domain whose groups only count and record (kind A)."""

MOST_LINGER_MS = 60_000

HandlerFunction = Callable[[Event, "Context"], None]
BatchFunction = Callable[[Sequence[Event], Sequence["Context"]], None]
Function = TypeVar("Function", bound=Callable[..., Any])
Constraint = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Says:
    """An event type a handler may say, perhaps only with certain values of payload fields.

    ``Says("Social.SocialInteraction", kind="trade_share")`` lets the declared graph see that a
    handler of other kinds is not reached.
    """

    event_type: str
    fields: Mapping[str, str]

    def __init__(self, event_type: str, **fields: str) -> None:
        object.__setattr__(self, "event_type", event_type)
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True)
class Handler:
    """A function and what it declares about itself."""

    function: Callable[..., None]
    group: str
    domain: str
    reads: tuple[str, ...]
    says: tuple[Says, ...] = ()
    always_says: tuple[str, ...] = ()
    only: Constraint = field(default_factory=dict)
    unless: Constraint = field(default_factory=dict)
    batch: bool = False
    external: bool = False
    """It calls the outside world: run before any transaction, at least once."""
    repeatable: bool = False
    """An operator may run it again on purpose."""
    idempotent: bool = False
    """Its effect is a set: a second delivery changes nothing, so it needs no inbox row."""
    timeout_s: float | None = None
    """How long it may run; None leaves that to the settings."""
    linger_ms: int = 0
    """Shortest time between two batches: under load they gather, a lone event does not wait."""
    accepts: Callable[[Event], bool] | None = None
    """Narrows further, by code."""
    depends_on: str = ""
    """What it calls outside; where that fails again and again its group waits (see `breaker`)."""
    start: Start = "beginning"
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @cached_property
    def name(self) -> str:
        """``events.domains.trading.handlers.record_trade``."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def call(self, *given: Any) -> None:
        """Run it in this thread. An ``async def`` runs to its end here, in the thread that holds
        the transaction: on a shared loop it would work outside it."""
        if self.accepts is not None and not self.batch:
            self.accepts(given[0])  # raises here what it raised when it was asked
        if self.is_async:
            async_to_sync(cast("Callable[..., Awaitable[None]]", self.function))(*given)
        else:
            self.function(*given)

    @cached_property
    def is_async(self) -> bool:
        """Whether it is an ``async def``."""
        return iscoroutinefunction(self.function)

    def wants(self, event: Event) -> bool:
        """Whether this handler takes the event: its type is read and its fields pass."""
        if EVERYTHING not in self.reads and event.event_type not in self.reads:
            return False
        return self.admits(event.data) and self._accepts(event)

    def _accepts(self, event: Event) -> bool:
        """What its own code says; one that fails is asked again where a failure is a handler's."""
        if self.accepts is None:
            return True
        try:
            return self.accepts(event)
        except Exception:  # noqa: BLE001  raised again by `call`, inside the handler's own guard
            return True

    def admits(self, data: Mapping[str, Any]) -> bool:
        """Whether `only` and `unless` let a payload with these fields through."""
        return all(data.get(key) in allowed for key, allowed in self.only.items()) and not any(
            data.get(key) in refused for key, refused in self.unless.items()
        )


@dataclass(frozen=True)
class Group:
    """A consumer group: handlers that see each event together."""

    name: str
    domain: str
    handlers: tuple[Handler, ...]

    @property
    def linger_ms(self) -> int:
        """Shortest time between two batches; 0 where some handler takes single events."""
        if not all(handler.batch for handler in self.handlers):
            return 0
        return min((handler.linger_ms for handler in self.handlers), default=0)

    @property
    def idempotent(self) -> bool:
        """All its effects are sets: it keeps no inbox rows."""
        return all(handler.idempotent for handler in self.handlers)

    @property
    def external(self) -> bool:
        """Some handler calls the outside world."""
        return any(handler.external for handler in self.handlers)

    @property
    def types(self) -> tuple[EventType, ...]:
        """Every version of every type some handler reads, by name."""
        names = {name for handler in self.handlers for name in handler.reads}
        return tuple(t for t in registry.all() if EVERYTHING in names or t.name in names)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the types it reads."""
        return tuple(dict.fromkeys(entry.name for entry in self.types))

    @property
    def streams(self) -> tuple[str, ...]:
        """Streams of the types it reads."""
        return tuple(entry.stream for entry in self.types)

    @property
    def says(self) -> tuple[str, ...]:
        """Names of the types its handlers may say."""
        said = (says.event_type for handler in self.handlers for says in handler.says)
        return tuple(dict.fromkeys(said))

    @property
    def start(self) -> Start:
        """Where it begins on a stream that is older than the group."""
        return "now" if all(h.start == "now" for h in self.handlers) else "beginning"

    @property
    def kind(self) -> str:
        """D reads its own domain, X other domains too, A is analytics."""
        if self.domain == ANALYTICS:
            return "A"
        return "D" if {domain_of(name) for name in self.reads} <= {self.domain} else "X"


@dataclass(frozen=True)
class PeriodicJob:
    """Work that one process at a time does every `seconds`."""

    name: str
    seconds: float
    function: Callable[[], None]


_handlers: dict[str, Handler] = {}
_jobs: dict[str, PeriodicJob] = {}


def handles(
    *event_types: str,
    group: str,
    says: Sequence[str | Says] = (),
    always_says: Sequence[str] = (),
    only: Constraint | None = None,
    unless: Constraint | None = None,
    batch: bool = False,
    external: bool = False,
    repeatable: bool = False,
    idempotent: bool = False,
    timeout_s: float | None = None,
    linger_ms: int = 0,
    depends_on: str = "",
    accepts: Callable[[Event], bool] | None = None,
    start: Start = "beginning",
    max_retries: int = 3,
    retry_delay_s: float = 5.0,
) -> Callable[[Function], Function]:
    """Make a function a handler of `event_types` (names; ``"*"`` is everything) in `group`.

    The function, ``def`` or ``async def``, takes ``(event, context)``, with ``batch=True`` the two
    as sequences. It returns, raises Retry or Reject; anything else it raises is retried
    `max_retries` times (`retry_delay_s` doubled each time, with jitter) and then set aside. All
    handlers of a group for one event commit together. `only` and `unless` narrow by payload fields,
    `accepts` by code; what no handler wants counts as handled and ignored. `says` and `always_says`
    are what it tells the rest of the house it says; another type is said all the same, and told in
    the log. After `timeout_s` it is stopped, which counts as a failure. `linger_ms` lets a batch
    handler's events gather under load. Raises ConfigurationError for a declaration that contradicts
    itself.
    """

    def declare(function: Function) -> Function:
        said = _said(says, always_says)
        handler = Handler(
            function=function,
            group=group,
            domain=_domain(function.__module__),
            reads=event_types,
            says=said,
            always_says=tuple(always_says),
            only=dict(only or {}),
            unless=dict(unless or {}),
            batch=batch,
            external=external,
            repeatable=repeatable,
            idempotent=idempotent,
            timeout_s=timeout_s,
            linger_ms=linger_ms,
            depends_on=depends_on,
            accepts=accepts,
            start=start,
            policy=RetryPolicy(max_retries=max_retries, base_s=retry_delay_s),
        )
        _check_declaration(handler)
        _handlers[handler.name] = handler
        return function

    return declare


def every(seconds: float, name: str | None = None) -> Callable[[Function], Function]:
    """Run a function without arguments every `seconds`, in one process at a time."""

    def declare(function: Function) -> Function:
        label = name or f"{function.__module__}.{function.__qualname__}"
        _jobs[label] = PeriodicJob(label, seconds, function)
        return function

    return declare


def groups() -> tuple[Group, ...]:
    """Every declared group, by name. Raises ConfigurationError for a type nobody registered."""
    by_group: dict[str, list[Handler]] = {}
    for handler in _handlers.values():
        _check(handler)
        by_group.setdefault(handler.group, []).append(handler)
    return tuple(
        Group(name, members[0].domain, tuple(members)) for name, members in sorted(by_group.items())
    )


def find(name: str) -> Group | None:
    """The declared group of this name; None where no installed app declares it."""
    return next((declared for declared in groups() if declared.name == name), None)


def group(name: str) -> Group:
    """The declared group of this name. Raises ConfigurationError naming those there are."""
    if (declared := find(name)) is not None:
        return declared
    known = ", ".join(declared.name for declared in groups())
    raise ConfigurationError(f"no group is called {name!r}; declared are {known}")


def readers(event_type: str) -> tuple[Group, ...]:
    """Groups that read a type, whatever they make of the single event."""
    return tuple(g for g in groups() if event_type in g.reads)


def jobs() -> tuple[PeriodicJob, ...]:
    """Every periodic job, by name."""
    return tuple(_jobs[name] for name in sorted(_jobs))


def set_up(streams: Streams, chosen: Sequence[Group] | None = None) -> int:
    """Create streams and groups that are missing; returns how many groups were new."""
    created = 0
    for declared in groups() if chosen is None else chosen:
        for stream in declared.streams:
            created += streams.ensure_group(stream, declared.name, declared.start)
    return created


def _said(says: Sequence[str | Says], always_says: Sequence[str]) -> tuple[Says, ...]:
    """Everything a handler may say; what it always says keeps the fields `says` gives it."""
    declared = tuple(s if isinstance(s, Says) else Says(s) for s in says)
    named = {says.event_type for says in declared}
    return (*declared, *(Says(name) for name in always_says if name not in named))


def _check_declaration(handler: Handler) -> None:
    """Refuse what cannot be meant, at import."""
    wrong = {
        "an external handler takes one event at a time, not a batch": handler.batch
        and handler.external,
        "linger_ms is for batch handlers": handler.linger_ms and not handler.batch,
        "linger_ms is from 0 to 60 000": not 0 <= handler.linger_ms <= MOST_LINGER_MS,
        "timeout_s must be more than 0": handler.timeout_s is not None and handler.timeout_s <= 0,
        "what an idempotent handler said would be said again with a second delivery; "
        "leave out `says` or `idempotent`": handler.idempotent and handler.says,
        "an external handler needs its inbox row, it cannot be idempotent": handler.idempotent
        and handler.external,
    }
    for sentence, holds in wrong.items():
        if holds:
            raise ConfigurationError(f"{handler.name}: {sentence}")
    try:
        signature(handler.function).bind(None, None)
    except TypeError as error:
        raise ConfigurationError(
            f"{handler.name} must take (event, context), with batch=True (events, contexts): "
            f"called with the two, {error}"
        ) from error


def _check(handler: Handler) -> None:
    named = [*handler.reads, *(says.event_type for says in handler.says)]
    for name in named:
        if name == EVERYTHING:
            continue
        try:
            known = registry.resolve(name).name
        except UnknownType as error:
            raise ConfigurationError(f"{handler.name}: {error.problems[0].reason}") from error
        if known != name:
            raise ConfigurationError(f"{handler.name} names {name!r}: write {known!r}")


def _domain(module: str) -> str:
    """The label of the app a handler lives in."""
    config = apps.get_containing_app_config(module)
    return config.label if config else module.partition(".")[0]
