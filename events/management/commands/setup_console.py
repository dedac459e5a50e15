"""Bring everything outside the code up to date: tables, streams and groups, the first account."""

from typing import Any

from django.core.management.base import BaseCommand

from events.management.first_start import bring_up_to_date


class Command(BaseCommand):
    """`manage.py setup_console`; safe to repeat, changes nothing the second time."""

    help = "Apply migrations, set up streams and groups, make sure of the user `admin`."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, with one line per step; a password made here stays in its file."""
        bring_up_to_date(self.stdout.write)
