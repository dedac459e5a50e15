"""A file of events: one on each line, or one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from events import strict_json
from events.adapters import MAX_BODY_BYTES
from events.errors import InvalidEvent, Problem
from events.quoting import told


@dataclass(frozen=True, slots=True)
class Part:
    """A text that should be JSON, and where in the file it stands."""

    line: int
    """Number of its line, or of its first; the first line of the file is 1."""
    text: str
    what: str = "line"
    """``line`` or ``document``."""

    def parsed(self) -> Any:
        """Its value. Raises InvalidEvent for one that is too long or no JSON."""
        if len(self.text) > MAX_BODY_BYTES:
            raise self._bad(
                f"has {len(self.text):,} characters, at most {MAX_BODY_BYTES:,} are read"
            )
        try:
            return strict_json.parsed(self.text)
        except ValueError as error:
            raise self._bad(f"is not JSON: {told(str(error))}") from error

    def _bad(self, reason: str) -> InvalidEvent:
        return InvalidEvent("event", (Problem(self.what, reason),))


def parts(lines: Iterable[str]) -> Iterator[Part]:
    """What a file holds, each line on its own, empty ones passed over.

    A file that begins with a line which opens an object or a list and is no JSON by itself is read
    as one document, if it is one. Where that line holds the bracket alone it is meant as one, and
    is given back as one even if it is none. Reads no more than MAX_BODY_BYTES ahead.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if not line.strip():
            continue
        if _opens_document(line):
            yield from _document(number, line, numbered)
        else:
            yield Part(number, line.rstrip("\n"))
        break
    yield from (Part(number, line.rstrip("\n")) for number, line in numbered if line.strip())


def _opens_document(line: str) -> bool:
    return line.lstrip().startswith(("{", "[")) and not _is_json(Part(1, line))


def _document(number: int, line: str, rest: Iterator[tuple[int, str]]) -> Iterator[Part]:
    """The document that begins with a line; the lines that were read for it, where it is none."""
    read = [(number, line)]
    length = len(line)
    while length <= MAX_BODY_BYTES and (following := next(rest, None)):
        read.append(following)
        length += len(following[1])
    # Behind as many empty lines as before it, so that an error of JSON names the line of the file.
    text = "\n" * (number - 1) + "".join(line for _, line in read)
    document = Part(number, text, "document")
    if line.strip() in ("{", "[") or _is_json(document):
        yield document
        for _ in rest:  # of one that is too long: its last lines are no file of their own
            pass
    else:
        yield from (Part(number, line.rstrip("\n")) for number, line in read if line.strip())


def _is_json(part: Part) -> bool:
    try:
        part.parsed()
    except InvalidEvent:
        return False
    return True
