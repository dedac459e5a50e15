"""Health answered before anything looks at the host, the session or the user.

A load balancer or a container's probe asks by address, not by the name users type, and must get an
answer without the database: Django's own order would refuse the one and open the other.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from monitoring.views import health

PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/health": health.health,
    "/health/live": health.live,
}


class HealthFirst:
    """Answers the two health addresses; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)
