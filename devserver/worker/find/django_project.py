"""Serves a Django project as `manage.py runserver` does: its app, its system checks, its static files.

Law: Django is only imported if settings were given or the app has imported it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from msgspec.structs import replace

from devserver.worker.find.apps import App, adapted
from devserver.worker.find.django_checks import explained
from devserver.worker.find.interface import interface_of


def load(settings: str) -> App:
    """Return the app of the project with these settings; DJANGO_SETTINGS_MODULE overrides them.

    The app is that of ASGI_APPLICATION (as with Channels and daphne), else that of WSGI_APPLICATION, else
    Django's own. Raises what the project and its checks raise.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    # Projects check these two to find out whether they run in runserver's serving process.
    os.environ.setdefault("RUN_MAIN", "true")
    if "runserver" not in sys.argv:
        sys.argv[:] = ["manage.py", "runserver", *sys.argv[1:]]
    import_module("django").setup()
    conf = import_module("django.conf").settings
    if path := getattr(conf, "ASGI_APPLICATION", None):
        call = import_module("django.utils.module_loading").import_string(path)
        app = adapted(call, interface_of(call) or "asgi", path)
    else:
        call = import_module("django.core.servers.basehttp").get_internal_wsgi_application()
        app = App("wsgi", call, conf.WSGI_APPLICATION or "get_wsgi_application()")
    _check()
    return _with_files(app)


def check(app: App) -> None:
    """Run the system checks of a Django app, as runserver does; do nothing for others.

    They import the URLs and views, which the first request would import otherwise. Raises what that raises,
    and Django's SystemCheckError; warnings are printed.
    """
    if _is_django(app.call):
        _check()


def with_static_files(app: App) -> App:
    """Return `app`; if it is Django's and DEBUG is set, it also serves static files, as runserver does."""
    return _with_files(app) if _is_django(app.call) else app


def _is_django(call: Any) -> bool:
    """Return whether `call` is a Django handler, or a Channels router with one for HTTP."""
    base = sys.modules.get("django.core.handlers.base")
    if base is None:
        return False
    routes = getattr(call, "application_mapping", None)
    http = routes.get("http") if isinstance(routes, dict) else call
    return isinstance(http, base.BaseHandler)


def _with_files(app: App) -> App:
    conf = import_module("django.conf").settings
    apps = import_module("django.apps").apps
    if getattr(app.call, "handles_files", False) or not (conf.configured and apps.ready):
        return app
    if not (conf.DEBUG and conf.STATIC_URL and apps.is_installed("django.contrib.staticfiles")):
        return app
    handlers = import_module("django.contrib.staticfiles.handlers")
    wrap = handlers.ASGIStaticFilesHandler if app.kind == "asgi" else handlers.StaticFilesHandler
    return replace(app, call=wrap(app.call))


def _check() -> None:
    base = import_module("django.core.management.base")
    earlier = _open_connections()
    try:
        base.BaseCommand(stderr=sys.stderr, no_color=True).check()
    except base.SystemCheckError as error:
        messages = import_module("django.core.checks").run_checks()
        explained(error, messages, lambda message: bool(message.is_silenced()))
        raise error.with_traceback(None) from None  # frames in Django do not help the user
    finally:
        for each in _open_connections():  # views ask the database at import: no copy may share that
            if each not in earlier:
                each.close()


def _open_connections() -> list[Any]:
    """Return the connections to databases that are open in this thread."""
    connections = import_module("django.db").connections
    return [each for each in connections.all(initialized_only=True) if each.connection is not None]
