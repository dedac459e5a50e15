from django.apps import AppConfig


class NFTConfig(AppConfig):
    name = "events.domains.nft"
    label = "nft"
    default_auto_field = "django.db.models.BigAutoField"
