"""JSON from outside, read strictly: what two readers could take for two things is refused."""

from __future__ import annotations

import json
import sys
from typing import Any

from events.quoting import quoted


def parsed(text: str | bytes) -> Any:
    """The value a text is. Raises ValueError with a reason, for a name that stands in one object
    twice, NaN and Infinity, and nesting too deep to read as well."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        if not str(error).startswith("Exceeds the limit"):
            raise
        most = sys.get_int_max_str_digits()
        raise ValueError(f"a number in it has more than {most:,} digits") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; JSON leaves open which of two values counts, so neither does."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{quoted(key)} stands in one object twice")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
