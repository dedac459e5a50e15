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


def check_handlers(app_configs: Sequence[AppConfig] | None, **given: Any) -> list[checks.Error]:
    """Every type that a handler reads or says is registered, under that name."""
    try:
        groups()
    except ConfigurationError as error:
        return [checks.Error(str(error), id="events.E001")]
    return []


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
        checks.register(check_handlers)
