"""Django app of the console."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """The console above the bus."""

    name = "monitoring"
    verbose_name = "Console"
