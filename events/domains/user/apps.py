from django.apps import AppConfig


class UserConfig(AppConfig):
    name = "events.domains.user"
    label = "user"
    default_auto_field = "django.db.models.BigAutoField"
