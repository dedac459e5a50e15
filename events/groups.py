"""Consumer groups as the installed apps declare them, and periodic work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps

from events.envelope import Event, domain_of
from events.errors import ConfigurationError, UnknownType
from events.registry import EventType, registry
from events.retry import RetryPolicy
from events.transport.base import Start, Streams

if TYPE_CHECKING:
    from events.execution import Context

EVERYTHING = "*"
ANALYTICS = "analytics"
"""The domain whose groups only count and record (kind A)."""

HandlerFunction = Callable[[Event, "Context"], None]
BatchFunction = Callable[[Sequence[Event], Sequence["Context"]], None]
Function = TypeVar("Function", bound=Callable[..., None])
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
    start: Start = "beginning"
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def name(self) -> str:
        """``events.domains.trading.handlers.record_trade``."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def wants(self, event: Event) -> bool:
        """Whether this handler takes the event: its type is read and its fields pass."""
        if EVERYTHING not in self.reads and event.event_type not in self.reads:
            return False
        return self.admits(event.data)

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
    start: Start = "beginning",
    max_retries: int = 3,
    retry_delay_s: float = 5.0,
) -> Callable[[Function], Function]:
    """Make a function a handler of `event_types` (names; ``"*"`` is everything) in `group`.

    The function takes ``(event, context)``, with ``batch=True`` the two as sequences. It returns,
    raises Retry or Reject; anything else it raises is retried `max_retries` times (`retry_delay_s`
    doubled each time, with jitter) and then set aside. All handlers of a group for one event
    commit together. `only` and `unless` narrow by payload fields; what no handler wants counts as
    handled and ignored. `says` and `always_says` are what it tells the rest of the house it says.
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
            start=start,
            policy=RetryPolicy(max_retries=max_retries, base_s=retry_delay_s),
        )
        if iscoroutinefunction(function):
            raise ConfigurationError(f"{handler.name}: a handler is a plain function, not async")
        if batch and external:
            raise ConfigurationError(f"{handler.name}: an external handler takes one event a time")
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


def group(name: str) -> Group:
    """The declared group of this name. Raises ConfigurationError naming those there are."""
    for declared in groups():
        if declared.name == name:
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
