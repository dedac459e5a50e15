"""HTTP addresses: the console at the root, Django's admin beside it.

The health addresses are answered earlier, by `astra_console.probes`; they are listed here so that
they have names and show up wherever addresses are walked.
"""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from monitoring.views import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("admin/", admin.site.urls),
    path("", include("monitoring.urls")),
]

handler400 = "monitoring.views.errors.bad_request"
