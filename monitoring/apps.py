"""Django app of the console."""

from importlib import import_module

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """The console above the bus."""

    name = "monitoring"
    verbose_name = "Console"

    def ready(self) -> None:
        """Declare the periodic work of the console, whichever process takes it up."""
        import_module("monitoring.live")
