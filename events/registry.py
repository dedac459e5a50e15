"""Event types and their payload models, versions, aliases and streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from events.compatibility import PROMISED, Compatibility
from events.conf import bus_settings
from events.envelope import domain_of, stream_name
from events.errors import ConfigurationError, UnknownType
from events.failures import message_of


@dataclass(frozen=True, slots=True)
class Privacy:
    """Mark of a payload field that must not be shown to everybody."""

    kind: str


PERSONAL = Privacy("personal")
SECRET = Privacy("secret")


def _no_float(value: Any) -> Any:
    """Money as a float has already lost its cents when it arrives here."""
    if isinstance(value, float):
        raise ValueError('send money as a string such as "1500.00", a float cannot hold it')
    return value


Money = Annotated[Decimal, Field(max_digits=24, decimal_places=8), BeforeValidator(_no_float)]
"""An exact amount; a string on the wire. Floats are refused."""

UserId = Annotated[int, Field(ge=1, le=2**63 - 1, description="Id of the user.")]


class Payload(BaseModel):
    """Base of every payload model: immutable, and a field nobody declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of one event type, as registered."""

    name: str
    version: int
    title: str
    description: str
    owner: str
    entity_field: str
    aliases: tuple[str, ...]
    example: Mapping[str, Any]
    retention_days: int | None
    """How long its events stay in the store; 0 for ever, None as long as the settings say."""
    since: str
    payload: type[Payload]
    compatibility: Compatibility = "backward"
    """What a change of its payload must not break; `manage.py registry check` sees to it."""
    deprecated: str = ""
    """What to say instead; empty while it is to be said."""

    @property
    def domain(self) -> str:
        """``trading`` for ``Trading.TradeExecuted``."""
        return domain_of(self.name)

    @property
    def label(self) -> str:
        """``Trading.TradeExecuted.v1``: the name of this version, which `resolve` finds again."""
        return f"{self.name}.v{self.version}"

    @property
    def stream(self) -> str:
        """``astra.trading.tradeexecuted.v1``."""
        return stream_name(self.name, self.version)

    @property
    def kept_days(self) -> int:
        """How long its events stay in the store, in days; 0 for ever."""
        own = self.retention_days
        return bus_settings().retention_days if own is None else own

    @property
    def entity_label(self) -> str:
        """What the entity is: ``user`` where the entity field is ``user_id``."""
        return self.entity_field.removesuffix("_id")

    @property
    def personal(self) -> tuple[str, ...]:
        """Fields that say something about a person."""
        return self._marked(PERSONAL)

    @property
    def secret(self) -> tuple[str, ...]:
        """Fields nobody may see without a reason."""
        return self._marked(SECRET)

    def _marked(self, mark: Privacy) -> tuple[str, ...]:
        fields = self.payload.model_fields.items()
        return tuple(name for name, field in fields if mark in field.metadata)


MOST_VERSION = 999_999
"""The highest version an envelope can carry."""

LONGEST_NAME = 200
"""Most characters of the type in an envelope."""


class DomainEventRegistry:
    """The catalogue of event types; a name, an alias and a name with ``.vN`` find one entry."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, int], EventType] = {}
        self._names: dict[str, str] = {}
        self._latest: dict[str, int] = {}
        self._streams: dict[str, EventType] = {}

    def register(self, entry: EventType) -> None:
        """Add an entry. Raises ConfigurationError when its name, alias or stream is taken."""
        key = (entry.name, entry.version)
        taken = self._types.get(key) or self._streams.get(entry.stream)
        if taken is not None and taken.payload is not entry.payload:
            raise ConfigurationError(
                f"{entry.name} v{entry.version} is declared twice: by {taken.payload.__module__} "
                f"and by {entry.payload.__module__}"
            )
        for spelling in (entry.name, *entry.aliases):
            if self._names.setdefault(spelling, entry.name) != entry.name:
                raise ConfigurationError(
                    f"{spelling!r} already means {self._names[spelling]}, not {entry.name}"
                )
        self._types[key] = entry
        self._streams[entry.stream] = entry
        self._latest[entry.name] = max(entry.version, self._latest.get(entry.name, 0))

    def resolve(self, name: str, version: int | None = None) -> EventType:
        """Find the entry of a name, alias or ``Name.vN``; the newest version unless one is given.

        Raises UnknownType with the nearest names.
        """
        known = self._types.get((name, self._latest.get(name, 0) if version is None else version))
        if known is not None:
            return known
        plain, suffix = split_version(name)
        canonical = self._names.get(plain)
        if canonical is None:
            raise UnknownType(name, self._hint(plain))
        wanted = next(
            (one for one in (version, suffix) if one is not None), self._latest[canonical]
        )
        entry = self._types.get((canonical, wanted))
        if entry is None:
            there = ", ".join(f"v{one.version}" for one in reversed(self.versions(canonical)))
            raise UnknownType(f"{canonical}.v{wanted}", f"; of {canonical} there is {there}")
        return entry

    def newest(self, name: str) -> EventType:
        """The newest version of a type, by its canonical name."""
        return self._types[name, self._latest[name]]

    def versions(self, name: str) -> tuple[EventType, ...]:
        """Every version of a type by its canonical name, the newest first."""
        found = (entry for (of, _), entry in self._types.items() if of == name)
        return tuple(sorted(found, key=lambda entry: -entry.version))

    def is_newest(self, entry: EventType) -> bool:
        """Whether no newer version of the entry's type is registered."""
        return self._latest.get(entry.name) == entry.version

    def by_stream(self, stream: str) -> EventType | None:
        """The entry whose events travel on `stream`, or None."""
        return self._streams.get(stream)

    def all(self) -> tuple[EventType, ...]:
        """Every entry, by name and version."""
        return tuple(self._types[key] for key in sorted(self._types))

    def _hint(self, name: str) -> str:
        from difflib import get_close_matches

        if len(name) > 200:  # comparing takes as long as the name is
            return "; a name is much shorter"
        near = get_close_matches(name, list(self._names), n=3, cutoff=0.6)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return "; its app must be installed (APPS) and declare it in an events.py"


P = TypeVar("P", bound=Payload)

registry = DomainEventRegistry()
"""What the installed apps' ``events.py`` modules have registered."""


def event_type(
    name: str,
    *,
    entity: str,
    owner: str,
    example: Mapping[str, Any],
    version: int = 1,
    aliases: Sequence[str] = (),
    retention_days: int | None = None,
    since: str = "0.1",
    compatibility: Compatibility = "backward",
    deprecated: str = "",
) -> Callable[[type[P]], type[P]]:
    """Register the payload model it decorates as an event type.

    `entity` is the payload field that becomes the entity id; the model's docstring is the
    description; `example` must validate; `retention_days` keeps its events for longer or shorter
    than others, 0 for ever; `compatibility` is what a change within the version must not break:
    ``backward``, since the events that are stored must stay readable, ``forward``, ``full`` or
    ``none``; `deprecated` tells producers what to say instead. Raises ConfigurationError at import
    otherwise.
    """

    def register(model: type[P]) -> type[P]:
        _check_name(name)
        entry = EventType(
            name=name,
            version=version,
            title=_title(name),
            description=(model.__doc__ or "").strip().partition("\n")[0],
            owner=owner,
            entity_field=entity,
            aliases=_spellings(model, aliases),
            example=dict(example),
            retention_days=retention_days,
            since=since,
            payload=model,
            compatibility=compatibility,
            deprecated=deprecated,
        )
        _check(entry)
        registry.register(entry)
        return model

    return register


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*){1,2}", name):
        raise ConfigurationError(
            f"{name!r} is not an event type name: write Domain.Event or Domain.Entity.Action"
        )


def _spellings(model: type, aliases: object) -> tuple[str, ...]:
    """The aliases that a class declares; ConfigurationError for what is none."""
    declared = f"{model.__module__}.{model.__qualname__}"
    if isinstance(aliases, str | bytes) or not isinstance(aliases, Iterable):
        raise ConfigurationError(
            f"{declared}: aliases is {aliases!r}; write a tuple of names, such as ({aliases!r},)"
        )
    found = tuple(aliases)
    for alias in found:
        if not isinstance(alias, str) or not 0 < len(alias) <= LONGEST_NAME:
            wrong = f"write a text of 1 to {LONGEST_NAME} characters"
        elif not alias.isprintable() or alias != alias.strip():
            wrong = "write it without line breaks, control characters and blanks around it"
        elif (plain := split_version(alias)[0]) != alias:
            wrong = f"its end is read as a version, so nothing would find it; write {plain!r}"
        else:
            continue
        raise ConfigurationError(f"{declared}: the alias {alias!r} cannot be said: {wrong}")
    return found


def _check(entry: EventType) -> None:
    if entry.compatibility not in PROMISED:
        raise ConfigurationError(
            f"{entry.name}: compatibility is {entry.compatibility!r}; write {' or '.join(PROMISED)}"
        )
    if isinstance(entry.version, bool) or entry.version not in range(1, MOST_VERSION + 1):
        raise ConfigurationError(
            f"{entry.name}: version is {entry.version!r}; it is a number from 1 to {MOST_VERSION:,}"
        )
    if entry.retention_days is not None and entry.retention_days < 0:
        raise ConfigurationError(
            f"{entry.name}: retention_days is {entry.retention_days}; write 0 for ever, or more"
        )
    if entry.entity_field not in entry.payload.model_fields:
        raise ConfigurationError(
            f"{entry.name}: its entity field {entry.entity_field!r} is not a field of the payload"
        )
    for name, field in entry.payload.model_fields.items():
        if not any(isinstance(mark, Privacy) for mark in field.metadata) and _holds_mark(
            field.annotation, set()
        ):
            raise ConfigurationError(
                f"{entry.name}: {name} has a mark inside its type, where it would not be seen; "
                "mark the whole field: Annotated[..., PERSONAL]"
            )
    try:
        example = entry.payload.model_validate(entry.example)
    except ValueError as error:
        raise ConfigurationError(
            f"{entry.name}: its example does not validate: {message_of(error)}"
        ) from error
    try:
        entry.payload.model_validate(example.model_dump(mode="json", exclude_none=True))
    except ValueError as error:
        raise ConfigurationError(
            f"{entry.name}: its example does not validate as it is written on the bus, so nobody "
            f"could read it: leave out what changes the names or adds fields. {message_of(error)}"
        ) from error


def _holds_mark(annotation: Any, seen: set[Any]) -> bool:
    """Whether something inside a type is marked: an option, a member, a field of a model in it."""
    if any(isinstance(mark, Privacy) for mark in getattr(annotation, "__metadata__", ())):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return False
        seen.add(annotation)
        return any(
            any(isinstance(mark, Privacy) for mark in field.metadata)
            or _holds_mark(field.annotation, seen)
            for field in annotation.model_fields.values()
        )
    return any(_holds_mark(inner, seen) for inner in get_args(annotation))


def split_version(name: str) -> tuple[str, int | None]:
    """``Trading.TradeExecuted.v2`` -> its name and 2; None where the name says no version."""
    match = re.fullmatch(r"(.+)\.v([1-9][0-9]{0,5})", name)
    return (match[1], int(match[2])) if match else (name, None)


def _title(name: str) -> str:
    """``Trading.TradeExecuted`` -> ``Trade executed``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", name.partition(".")[2])
    return " ".join([words[0], *(w if w.isupper() else w.lower() for w in words[1:])])
