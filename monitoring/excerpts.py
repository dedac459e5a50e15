"""Long texts, shown by their head: nothing is cut without saying so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN_BYTES = 64 * 1024
"""Longer payloads show this much of themselves and a download."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The head of a text, and how many bytes of it are not shown."""

    text: str
    left_out_bytes: int = 0


def excerpt(text: str) -> Excerpt:
    """The first SHOWN_BYTES of a text."""
    raw = text.encode()
    if len(raw) <= SHOWN_BYTES:
        return Excerpt(text)
    return Excerpt(raw[:SHOWN_BYTES].decode(errors="ignore"), len(raw) - SHOWN_BYTES)


def pretty_json(data: Mapping[str, Any]) -> str:
    """Indented JSON, keys in the order given."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)
