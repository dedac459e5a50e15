from django.apps import AppConfig


class GamificationConfig(AppConfig):
    name = "events.domains.gamification"
    label = "gamification"
    default_auto_field = "django.db.models.BigAutoField"
