"""What others sent, as an error repeats it: short, on one line, harmless to a terminal. Pure."""

from __future__ import annotations

import reprlib

MOST_QUOTED = 80
"""Characters of a value in an error: enough to know it again."""

MOST_TOLD = 400
"""Characters of somebody else's sentence, such as a library's reason, in one of ours."""


def quoted(value: object) -> str:
    """A value as Python writes it, at most MOST_QUOTED characters of it; of a text that is cut its
    length is told. Does not fail, whatever the value is."""
    if isinstance(value, str) and len(value) > MOST_QUOTED:
        return f"{value[:MOST_QUOTED]!r}… ({len(value):,} characters)"
    if isinstance(value, str):
        return repr(value)
    try:
        return told(_bounded.repr(value), MOST_QUOTED)
    except Exception:  # noqa: BLE001  it may be a number of too many digits, or code of others
        return f"a value of type {type(value).__name__}"


def told(text: str, most: int = MOST_TOLD) -> str:
    """A text on one line: what does not print is escaped, and what is more than `most` cut off."""
    cut = text[:most]
    line = cut if cut.isprintable() else "".join(map(_printable, cut))
    return line if len(text) <= most else f"{line}…"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


_bounded = reprlib.Repr()
_bounded.maxstring = _bounded.maxother = _bounded.maxlong = MOST_QUOTED
