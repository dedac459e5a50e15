"""The bus as a Django app; at start it reads the ``events.py``, ``handlers.py`` and ``folds.py`` of
every app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from events import crash, versions


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
