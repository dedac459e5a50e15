import os

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "tests.chaos.app"
    label = "chaos"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.chaos.app.watch import watch_reclaims

        watch_reclaims()
        named = os.environ.get("CHAOS_BUG", "")
        for bug in filter(None, named.split(",")):
            from tests.chaos.app.bugs import BUGS

            BUGS[bug]()
