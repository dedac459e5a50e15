"""The addresses of the console's pages."""

from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path

from monitoring.views import live, overview, session


def not_here(request: HttpRequest, **kwargs: object) -> HttpResponseBase:
    """Stands in for a page whose module is not there."""
    raise Http404


urlpatterns = [
    path("", overview.overview, name="overview"),
    path("live/", live.live, name="live"),
    path("live/gap/", live.gap, name="live-gap"),
    path("events/", not_here, name="events"),
    path("events/<uuid:event_id>/", not_here, name="event"),
    path("chains/<uuid:correlation_id>/", not_here, name="chain"),
    path("groups/", not_here, name="groups"),
    path("groups/<name>/", not_here, name="group"),
    path("dead-letters/", not_here, name="dead-letters"),
    path("dead-letters/replay/", not_here, name="replay"),
    path("dead-letters/<int:pk>/", not_here, name="dead-letter"),
    path("operations/<int:pk>/", not_here, name="operation"),
    path("workers/", not_here, name="workers"),
    path("registry/", not_here, name="registry"),
    path("registry/<str:name>/", not_here, name="event-type"),
    path("search/", not_here, name="search"),
    path("login/", session.SignIn.as_view(), name="login"),
    path("logout/", session.SignOut.as_view(), name="logout"),
    path("theme/", session.theme, name="theme"),
]
