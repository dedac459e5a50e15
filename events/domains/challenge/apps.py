from django.apps import AppConfig


class ChallengeConfig(AppConfig):
    name = "events.domains.challenge"
    label = "challenge"
    default_auto_field = "django.db.models.BigAutoField"
