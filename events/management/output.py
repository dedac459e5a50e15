"""What the commands that show something print: plain tables, or JSON."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 220
"""Columns when nobody looks: wide enough to cut nothing that matters."""

SHRUNK = 12
"""Columns that a shrunk column keeps; less of it says nothing."""

GAP = 2
"""Blanks after every column."""


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[int] = (),
    shrink: Collection[int] = (),
) -> str:
    """Rows under headings, no frame. `right` are columns of figures; those in `shrink` are cut when
    the terminal is too narrow, the others never: a table that does not fit is wider than the
    terminal, which wraps its lines."""
    cells = [[printable(cell) for cell in row] for row in rows]
    looked_at = sys.stdout.isatty()
    terminal = max(1, shutil.get_terminal_size().columns) if looked_at else PIPED_WIDTH
    widths, total = _widths([headings, *cells], terminal, shrink)
    drawn = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim")
    for index, heading in enumerate(headings):
        drawn.add_column(
            heading,
            justify="right" if index in right else "left",
            width=widths[index],
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in cells:
        drawn.add_row(*map(Text, row))
    buffer = io.StringIO()
    # The height is of no use here, but without it a dumb terminal is taken to have 80 columns.
    Console(file=buffer, width=total, height=25, force_terminal=looked_at, highlight=False).print(
        drawn
    )
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _widths(
    lines: Sequence[Sequence[str]], terminal: int, shrink: Collection[int]
) -> tuple[list[int], int]:
    """The width of every column, and of the whole table with its gaps."""
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    gaps = GAP * len(widths)
    least = {index: min(widths[index], max(SHRUNK, cell_len(lines[0][index]))) for index in shrink}
    needed = gaps + sum(least.get(index, width) for index, width in enumerate(widths))
    # Lines that wrap anyway may as well fill the last line they wrap to.
    room = terminal * max(1, -(-needed // terminal))
    for index, floor in least.items():
        excess = max(0, gaps + sum(widths) - room)
        widths[index] = max(floor, widths[index] - excess)
    return widths, gaps + sum(widths)


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
