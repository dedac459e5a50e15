"""A filter as the row of an operation remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class Filter:
    """Texts and instants, of which only what is given counts."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """What is given, instants in ISO 8601."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if value
        }

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """What `as_json` gave; what is told besides is passed over."""
        instants = {one.name for one in fields(cls) if one.default is None}
        known = {one.name for one in fields(cls)}
        return cls(
            **{
                name: datetime.fromisoformat(value) if name in instants else value
                for name, value in told.items()
                if name in known
            }
        )
