"""ASGI application: static files, then HTTP by Django, then websockets by Channels."""

import os
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "astra_console.settings")
http = get_asgi_application()

from django.conf import settings  # noqa: E402  settings and apps are loaded by the line above

from astra_console.lifespan import lifespan  # noqa: E402
from astra_console.static_files import with_static_files  # noqa: E402
from monitoring.routing import websocket_urlpatterns  # noqa: E402

# Channels' stubs ask for a private subclass that only they know.
routes: Any = websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "lifespan": lifespan,
        "http": with_static_files(http),
        # Whole origins (scheme, host, port): a page on another port of this host is another site.
        "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(routes)), settings.ORIGINS),
    }
)
