#!/usr/bin/env python
"""Command line of Astra Console: `manage.py help` lists what it can do."""

import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Run one management command; what somebody can put right ends it with one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "astra_console.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    from events.errors import ConfigurationError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(f"Astra Console cannot start: {problem}")
    except ConfigurationError as problem:
        sys.exit(f"Astra Console cannot start: {problem}{_declared_at(problem)}")
    except (OperationalError, ProgrammingError) as problem:
        if not any(words in str(problem) for words in ("no such table", "does not exist")):
            raise
        sys.exit(
            f"The database has not what is asked for ({str(problem).splitlines()[0]}). DATA_DIR or "
            "DATABASE_URL may name another one than the console's; if it is the right one, run "
            "manage.py migrate."
        )


def _declared_at(problem: BaseException) -> str:
    """Where the code stands that declared what is refused."""
    theirs = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if Path(frame.filename).name in ("events.py", "handlers.py", "folds.py")
    ]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else ""


if __name__ == "__main__":
    main()
