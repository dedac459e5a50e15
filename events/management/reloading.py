"""Telling that the code has changed: for development only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from django.apps import apps
from django.conf import settings


def watch_files(changed: Callable[[str], None]) -> None:
    """Call `changed` with a sentence, in a thread of its own, whenever a Python file of the project
    or of an installed app outside the virtual environment was written.

    Django's own autoreloader ends the process in the middle of an event; here the caller drains.
    """
    # Here, because only --reload needs it.
    from watchfiles import PythonFilter, watch

    folders = watched_folders()
    only_python = PythonFilter(ignore_paths=[settings.DATA_DIR])

    def follow() -> None:
        for changes in watch(*folders, watch_filter=only_python, debounce=400):
            names = sorted({Path(path).name for _, path in changes})
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            changed(f"{names[0]}{more} changed")

    threading.Thread(target=follow, name="reload", daemon=True).start()


def watched_folders() -> list[Path]:
    """The project and the apps that lie elsewhere, none inside another, no installed packages."""
    folders = {Path(settings.BASE_DIR), *(Path(app.path) for app in apps.get_app_configs())}
    own = [folder for folder in folders if "site-packages" not in folder.parts]
    return sorted(f for f in own if not any(other in f.parents for other in own))
