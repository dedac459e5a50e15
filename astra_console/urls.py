"""HTTP addresses: the console at the root, Django's admin beside it."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from monitoring.views import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("admin/", admin.site.urls),
]
if find_spec("monitoring.urls"):
    urlpatterns.append(path("", include("monitoring.urls")))
