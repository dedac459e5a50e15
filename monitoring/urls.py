"""The addresses of the console's pages."""

from django.urls import path

from monitoring.views import (
    chains,
    dead_letters,
    entities,
    events,
    groups,
    live,
    operations,
    overview,
    publish,
    registry,
    search,
    session,
    workers,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("live/", live.live, name="live"),
    path("live/gap/", live.gap, name="live-gap"),
    path("events/", events.events, name="events"),
    path("events/<uuid:event_id>/", events.event, name="event"),
    path("events/<uuid:event_id>.json", events.event_json, name="event-json"),
    path("entities/<str:domain>/<path:entity_id>/", entities.entity, name="entity"),
    path("chains/<uuid:correlation_id>/", chains.chain, name="chain"),
    path("chains/<uuid:correlation_id>.json", chains.chain_json, name="chain-json"),
    path("groups/", groups.groups, name="groups"),
    path("groups/<name>/", groups.group, name="group"),
    path("dead-letters/", dead_letters.dead_letters, name="dead-letters"),
    path("dead-letters/replay/", dead_letters.replay, name="replay"),
    path("dead-letters/discard/", dead_letters.discard, name="discard"),
    path("dead-letters/restore/", dead_letters.restore, name="restore"),
    path("dead-letters/<int:pk>/", dead_letters.dead_letter, name="dead-letter"),
    path("operations/<int:pk>/", operations.operation, name="operation"),
    path("workers/", workers.workers, name="workers"),
    path("registry/", registry.registry, name="registry"),
    path("flow/", registry.flow, name="flow"),
    path("registry/<str:name>/", registry.event_type, name="event-type"),
    path("registry/<str:name>/publish/", publish.publish, name="publish"),
    path("search/", search.search, name="search"),
    path("login/", session.SignIn.as_view(), name="login"),
    path("logout/", session.SignOut.as_view(), name="logout"),
    path("theme/", session.theme, name="theme"),
]
