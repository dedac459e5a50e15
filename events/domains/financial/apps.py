from django.apps import AppConfig


class FinancialConfig(AppConfig):
    name = "events.domains.financial"
    label = "financial"
    default_auto_field = "django.db.models.BigAutoField"
