from django.apps import AppConfig


class AuthConfig(AppConfig):
    name = "events.domains.auth"
    label = "events_auth"
    default_auto_field = "django.db.models.BigAutoField"
