"""GET /health and GET /health/live: for load balancers, `make up` and people in a hurry."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from events.queries.health import Finding, take_health


@login_not_required
@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Every part with its state; 503 only without SQL, for the console works without the rest."""
    found = take_health()
    checks = {name: as_json(finding) for name, finding in found.checks.items()}
    status = 200 if found.can_serve else 503
    return JsonResponse({"status": found.status, "checks": checks}, status=status)


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """This process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


def as_json(finding: Finding) -> dict[str, object]:
    """One check; figures beside its state."""
    reason = {"reason": finding.reason} if finding.reason else {}
    return {"status": "ok" if finding.ok else "failed", **finding.figures, **reason}
