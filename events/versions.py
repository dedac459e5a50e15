"""Several versions of a type at once: an event said in an older one is brought up to the newest
before a handler sees it, so that a handler knows one shape alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from events.errors import ConfigurationError
from events.failures import message_of
from events.registry import EventType, registry

Upcast = Callable[[dict[str, Any]], Mapping[str, Any]]
Function = TypeVar("Function", bound=Upcast)

_upcasters: dict[tuple[str, int], Upcast] = {}
"""By type name and the version it brings a payload up from."""


def upcaster(name: str, *, to: int) -> Callable[[Function], Function]:
    """Make a function the way from version ``to - 1`` of a type to version `to`.

    It is given a copy of the raw payload (JSON-ready, valid in its own version) and returns that of
    the next version. It must be a function of the payload alone: an event may be brought up many
    times, in any process. Raises ConfigurationError when there is one already.
    """

    def declare(function: Function) -> Function:
        taken = _upcasters.setdefault((name, to - 1), function)
        if taken is not function:
            raise ConfigurationError(
                f"{name} has two upcasters to v{to}: {_named(taken)} and {_named(function)}"
            )
        return function

    return declare


def brought_up(entry: EventType, data: Mapping[str, Any]) -> tuple[EventType, dict[str, Any]]:
    """The newest version of a type, and a raw payload of version `entry` in that version's shape.

    The payload is one that is valid as `entry`; whether the result is valid is not looked at.
    Raises what an upcaster raises.
    """
    newest = registry.newest(entry.name)
    changed = deepcopy(dict(data))  # or an upcaster could rewrite what was said
    for version in range(entry.version, newest.version):
        changed = dict(_upcasters[entry.name, version](changed))
    return newest, changed


def check() -> None:
    """Raise ConfigurationError for a version that cannot be brought up to the newest.

    Each version's own example is: its payload must be valid in the newest. So is an upcaster to a
    version that nobody registers.
    """
    known = {(entry.name, entry.version) for entry in registry.all()}
    for (name, version), function in _upcasters.items():
        if (name, version + 1) not in known:
            raise ConfigurationError(
                f"{_named(function)} brings {name!r} up to v{version + 1}, which nobody registers"
            )
    for entry in registry.all():
        if registry.is_newest(entry):
            continue
        newest = registry.newest(entry.name)
        for version in range(entry.version, newest.version):
            if (entry.name, version) not in _upcasters:
                raise ConfigurationError(
                    f"nothing brings {entry.name} from v{version} to v{version + 1}, and handlers "
                    f'see v{newest.version} alone: declare @upcaster("{entry.name}", '
                    f"to={version + 1}) in its domain's events.py"
                )
        try:
            newest.payload.model_validate(brought_up(entry, entry.example)[1])
        except Exception as error:
            raise ConfigurationError(
                f"the example of {entry.name} v{entry.version}, brought up to v{newest.version}, "
                f"does not validate: {message_of(error)}"
            ) from error


def _named(function: Upcast) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
