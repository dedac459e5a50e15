"""The app that is installed in the processes of a bench alone."""

from django.apps import AppConfig


class BenchConfig(AppConfig):
    name = "events.management.bench"
    label = "bench"
    default_auto_field = "django.db.models.BigAutoField"
