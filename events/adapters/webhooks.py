"""Plain webhooks of others, mapped by configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import strict_json
from events.adapters.base import Headers, event_of, instant, refused, stable_id, unnamed
from events.conf import bus_settings
from events.envelope import Event
from events.errors import ConfigurationError, UnknownType, listed, problems_in
from events.registry import registry

CONSTANT = "="
"""Begins a value that is meant as it stands; what does not is a path."""

Path = Annotated[str, Field(min_length=1, max_length=200)]


class WebhookMapping(BaseModel):
    """How the body of one webhook becomes an event: every value is a dotted path in the body
    (``data.object.amount``, ``items.0.id``) or, behind ``=``, a constant. A path goes on into JSON
    text: where ``data`` is the text of an object, ``data.amount`` is in that."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Path
    """Name of the event type."""
    when: Annotated[dict[Path, str | int | bool], Field(min_length=1)]
    """What stands at these paths in a body of this webhook, and in no other."""
    data: Annotated[dict[str, Path], Field(min_length=1)]
    """Payload field -> path."""
    id: Path | None = None
    """Of its id: the same body sent again is a duplicate then."""
    time: Path | None = None


class WebhookAdapter:
    """One configured webhook; carries what its mapping names."""

    def __init__(self, label: str, mapping: WebhookMapping) -> None:
        self.name = f"webhook {label}"
        self._label = label
        self._mapping = mapping

    def why_not(self, raw: Any, headers: Headers) -> str:
        for path, wanted in self._mapping.when.items():
            _, value = _at(raw, path)
            if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
                return f"{path} is not what the mapping asks for"  # which may be a secret
        return ""

    def read(self, raw: Any, headers: Headers) -> Event:
        mapping = self._mapping
        entry = registry.resolve(mapping.type)
        data = {}
        for name, path in mapping.data.items():
            found, value = _value(raw, path)
            if not found and entry.payload.model_fields[name].is_required():
                raise refused(path, f"is missing in the body; {name} of {entry.name} comes from it")
            if found:
                data[name] = value
        return event_of(
            entry.label,  # the version that the mapping was held against
            data,
            event_id=self._id(raw),
            occurred_at=instant(_value(raw, mapping.time)[1]) if mapping.time else None,
            producer=self._label,
        )

    def write(self, event: Event) -> Any:
        """A body that is read as this event again: an example for whoever configures it."""
        mapping = self._mapping
        if event.label != registry.resolve(mapping.type).label:
            raise unnamed(self.name, event)
        body: dict[str, Any] = {}
        for path, wanted in mapping.when.items():
            _put(body, path, wanted)
        for name, path in mapping.data.items():
            if name in event.data and not path.startswith(CONSTANT):
                _put(body, path, event.data[name])
        if mapping.id:
            _put(body, mapping.id, str(event.event_id))
        if mapping.time:
            _put(body, mapping.time, event.occurred_at.isoformat())
        return body

    def _id(self, raw: Any) -> Any:
        if self._mapping.id is None:
            return None
        found, value = _value(raw, self._mapping.id)
        if not found:
            raise refused(self._mapping.id, "is missing in the body; it is the event's id")
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise refused(
                self._mapping.id, "must be a text or a whole number: it is the event's id"
            )
        return stable_id(self._label, str(value))


def configured() -> tuple[WebhookAdapter, ...]:
    """The webhooks of ``settings.ASTRA["webhooks"]``, by name.

    Raises ConfigurationError naming the webhook and what of it is wrong.
    """
    return tuple(
        WebhookAdapter(label, _checked(label, given))
        for label, given in sorted(bus_settings().webhooks.items())
    )


def _checked(label: str, given: Any) -> WebhookMapping:
    named = f'ASTRA["webhooks"][{label!r}]'
    try:
        mapping = WebhookMapping.model_validate(given)
        fields = registry.resolve(mapping.type).payload.model_fields
    except ValidationError as error:
        wrong = listed(problems_in(error)).removeprefix("event: ")
        raise ConfigurationError(f"{named}: {wrong}") from error
    except UnknownType as error:
        raise ConfigurationError(f"{named}: {error.problems[0].reason}") from error
    unknown = sorted(set(mapping.data) - set(fields))
    if unknown:
        raise ConfigurationError(f"{named}: {mapping.type} has no field {unknown[0]!r}")
    needed = sorted(n for n, f in fields.items() if f.is_required() and n not in mapping.data)
    if needed:
        raise ConfigurationError(
            f"{named}: nothing gives {needed[0]!r}, which {mapping.type} needs"
        )
    return mapping


def _value(raw: Any, path: str) -> tuple[bool, Any]:
    return (True, path.removeprefix(CONSTANT)) if path.startswith(CONSTANT) else _at(raw, path)


def _at(raw: Any, path: str) -> tuple[bool, Any]:
    """Whether there is anything at a path, and what."""
    here = raw
    for part in path.split("."):
        here = _opened(here)
        if isinstance(here, Mapping) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isascii() and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return False, None
    return True, here


def _opened(value: Any) -> Any:
    """What JSON text of an object or a list holds; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return strict_json.parsed(value)
    except ValueError:
        return value


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    here = body
    for part in folders:
        here = here.setdefault(part, {})
    here[last] = value
