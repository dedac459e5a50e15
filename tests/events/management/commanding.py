"""Running a command in a test."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError, call_command


@dataclass(frozen=True)
class Ran:
    """What a command printed and its exit status."""

    out: str
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*words: str) -> Ran:
    """Run a command; what it refuses is its output."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=err)
    except SystemExit as ended:
        return Ran(out.getvalue() + err.getvalue(), int(ended.code or 0))
    except CommandError as refused:
        return Ran(out.getvalue() + str(refused), refused.returncode)
    return Ran(out.getvalue(), 0)
