"""Where websockets are answered."""

from django.urls import path

from monitoring.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/", LiveConsumer.as_asgi())]  # type: ignore[arg-type]
