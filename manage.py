#!/usr/bin/env python
"""Command line of Astra Console: `manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    """Run one management command; a wrong setting ends it with one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "astra_console.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(f"Astra Console cannot start: {problem}")


if __name__ == "__main__":
    main()
