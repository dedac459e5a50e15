"""Typed readers of environment variables; only `settings.py` uses them.

Every reader takes the name of a variable and a default, and refuses a value it cannot use with one
sentence that names the variable, says what is wrong with it and what would be right. An empty value
counts as unset, because that is what `NAME=` in a shell or a compose file means.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from django.core.exceptions import ImproperlyConfigured

from events.crash import Plan
from events.errors import ConfigurationError
from events.faults import Faults

ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+?(:\d{1,5})?")
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class Environment:
    """The variables of one process."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def is_given(self, name: str) -> bool:
        """Whether the variable is set at all, if only to nothing."""
        return name in self._variables

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks."""
        return self._variables.get(name, "").strip() or default

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number within both bounds."""
        raw = self.text(name)
        if not raw:
            return default
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", raw) or not least <= int(raw) <= most:
            raise refused(name, raw, f"a whole number from {least} to {most}")
        return int(raw)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A decimal number within both bounds."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise refused(name, raw, f"a number from {least:g} to {most:g}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Yes or no, in the usual spellings."""
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw not in TRUE | FALSE:
            raise refused(name, raw, "1 or 0")
        return raw in TRUE

    def choice(self, name: str, default: str, options: Sequence[str]) -> str:
        """One of the options, as written."""
        raw = self.text(name, default)
        if raw not in options:
            raise refused(name, raw, "one of " + ", ".join(options))
        return raw

    def listed(self, name: str) -> list[str]:
        """Comma-separated values; blanks around them and empty ones are dropped."""
        return [part for part in (raw.strip() for raw in self.text(name).split(",")) if part]

    def apps(self, name: str) -> list[str]:
        """Comma-separated Django apps; their packages must be found."""
        found = self.listed(name)
        for app in found:
            if find_spec(app.partition(".")[0]) is None:
                raise refused(name, app, "Django apps in Python's path, separated by commas")
        return found

    def faults(self, name: str) -> str:
        """Shares of events that fail on purpose, as `events.faults` reads them."""
        raw = self.text(name)
        try:
            Faults.parse(raw)
        except ConfigurationError as error:
            raise ImproperlyConfigured(f"{error}.") from error
        return raw

    def crash(self, name: str) -> str:
        """Where processes crash on purpose, as `events.crash` reads it."""
        raw = self.text(name)
        try:
            Plan.parse(raw)
        except ConfigurationError as error:
            raise ImproperlyConfigured(f"{error}.") from error
        return raw

    def origins(self, name: str) -> list[str]:
        """Comma-separated origins: scheme, host and port, no path."""
        found = self.listed(name)
        for origin in found:
            if not ORIGIN.fullmatch(origin):
                raise refused(name, origin, "origins such as https://console.example.com")
        return found

    def address(self, name: str, default: str, schemes: Sequence[str]) -> str:
        """A URL with one of the schemes; the value is not repeated: it may hold a password."""
        raw = self.text(name, default)
        if raw.partition("://")[0] not in schemes:
            wanted = ", ".join(f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} must be a URL that begins with one of {wanted}.")
        return raw

    def folder(self, name: str, default: str, *, base: Path, written: bool = False) -> Path:
        """An absolute folder, made (readable by its owner only) when it does not exist; `written`
        tries whether files can be made in it."""
        given = self.text(name, default)
        path = Path(given)
        try:
            path = (base / path.expanduser()).absolute()
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if written:
                TemporaryFile(dir=path).close()
        except FileExistsError as problem:
            raise not_a_folder(name, given, path, "it is a file") from problem
        except (OSError, RuntimeError) as problem:  # of the home of a user who is not there
            reason = getattr(problem, "strerror", None) or str(problem).rstrip(".")
            raise not_a_folder(name, given, path, reason) from problem
        return path


def not_a_folder(name: str, given: str, path: Path, reason: str) -> ImproperlyConfigured:
    """The one sentence for a folder that cannot be used."""
    where = f" ({path})" if str(path) != given else ""
    return ImproperlyConfigured(
        f"{name} must be a folder that can be written to, not {given!r}{where}: {reason}."
    )


def refused(name: str, value: str, wanted: str) -> ImproperlyConfigured:
    """The one sentence for a value that cannot be used."""
    return ImproperlyConfigured(f"{name} must be {wanted}, not {value!r}.")
