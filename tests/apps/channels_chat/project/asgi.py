"""HTTP to Django, WebSockets to the consumers."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_asgi_application()

from chat.consumers import Chat, Shout  # noqa: E402  the apps have to be ready

sockets = URLRouter([path("chat/<room>/", Chat.as_asgi()), path("shout/", Shout.as_asgi())])
application = ProtocolTypeRouter({"http": django, "websocket": sockets})
