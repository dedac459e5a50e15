"""HTTP addresses: the console at the root, Django's admin beside it.

The health addresses are answered earlier, by `astra_console.probes`; they are listed here so that
they have names and show up wherever addresses are walked.
"""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path

from monitoring.views import health


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """Asked for by browsers where no page names the icon, such as a JSON document."""
    return redirect(static("img/astra.svg"))  # its name changes with its content


urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("favicon.ico", favicon),
    path("admin/", admin.site.urls),
    path("", include("monitoring.urls")),
]

handler400 = "monitoring.views.errors.bad_request"
