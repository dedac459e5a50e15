"""What the commands that show something print: plain tables, or JSON."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 220
"""Columns when nobody looks: wide enough to cut nothing that matters."""


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[int] = (),
    shrink: Collection[int] = (),
) -> str:
    """Rows under headings, no frame. `right` are columns of figures; those in `shrink` are cut when
    the terminal is too narrow, the others never."""
    drawn = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for index, heading in enumerate(headings):
        drawn.add_column(
            heading,
            justify="right" if index in right else "left",
            no_wrap=True,
            overflow="ellipsis" if index in shrink else "fold",
        )
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    buffer = io.StringIO()
    looked_at = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if looked_at else PIPED_WIDTH
    Console(file=buffer, width=width, force_terminal=looked_at, highlight=False).print(drawn)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def printable(value: object) -> str:
    """A value as text that cannot steer the terminal: what came with an event is not trusted."""
    text = "" if value is None else str(value)
    return "".join(map(_harmless, text))


def _harmless(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def as_json(value: object) -> str:
    """Indented JSON in ASCII; times and ids as strings."""
    return json.dumps(value, indent=2, default=str)


def when(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def unknown(value: Any) -> Any:
    """A figure, or a dash where nobody knows it."""
    return "-" if value is None else value
