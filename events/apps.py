"""The bus as a Django app; at start it reads the ``events.py``, ``handlers.py`` and ``folds.py`` of
every app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import autodiscover_modules

from events import crash, versions
from events.errors import ConfigurationError
from events.groups import groups


def check_declarations(app_configs: Sequence[AppConfig] | None, **given: Any) -> list[checks.Error]:
    """Every type that a handler reads or says, or a fold is for, is registered under that name."""
    from events import sourcing  # it needs models, which come after the apps

    found = []
    for number, look in enumerate((groups, sourcing.check), start=1):
        try:
            look()
        except ConfigurationError as error:
            found.append(checks.Error(str(error), id=f"events.E{number:03}"))
    return found


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = "Event bus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        crash.arm_from_settings()
        autodiscover_modules("events")
        versions.check()
        autodiscover_modules("handlers")
        autodiscover_modules("folds")
        checks.register(check_declarations)
