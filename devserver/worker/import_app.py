"""Imports the target of a Worker and finds what it serves.

Law: whatever fails in it is returned as data: the app's code, its settings, its files.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress

from msgspec import Struct

from devserver.common.failure import Failure
from devserver.ipc.messages import Target
from devserver.worker.birth.boot import Boot
from devserver.worker.find import django_project
from devserver.worker.find.apps import App, with_debugger
from devserver.worker.find.built_routes import BuiltRoutes
from devserver.worker.find.discover import Found, discover
from devserver.worker.find.handlers import Handlers
from devserver.worker.run import environment, logs
from devserver.worker.run.failures import failure_of, files_named_by


class Refused(Struct, frozen=True):
    """Why the app cannot serve; `paths` are files, existing or not, that a fix may change."""

    failure: Failure
    paths: tuple[str, ...] = ()


def import_app(boot: Boot) -> Found | Refused:
    """Import the target and find its app and its handlers; or return why it cannot serve."""
    settings, target = boot.settings, boot.settings.target
    env_file = settings.env_file or os.path.join(settings.root, ".env")
    try:
        environment.prepare(target, env_file, boot.inherited.environment if boot.inherited else {})
    except environment.Unreadable as error:
        return Refused(Failure("import", "DotenvUnreadable", str(error)), (env_file,))
    try:
        logs.set_up(settings.access_log, settings.log_level, settings.log_config)
    except logs.Unusable as error:
        return Refused(Failure("import", "LogConfigUnusable", str(error)), (settings.log_config,))
    try:
        if target.settings:
            return _load_project(target)
        module = importlib.import_module(target.module)
    except BaseException as error:
        return Refused(failure_of(error, "import"), files_named_by(error, (*target.search, *sys.path)))
    file = getattr(module, "__file__", None) or "no file"
    if target.path and os.path.realpath(file) != os.path.realpath(target.path):
        name = os.path.basename(target.path)
        message = f"{name} cannot be imported: {target.module} is loaded already, from {file}; rename {name}"
        return Refused(Failure("import", "NameTaken", message), (target.path,))
    try:
        found = discover(module, target.attribute, target.factory)
        if isinstance(found, Failure):
            return Refused(found)
        return found if found.app is None else Found(_as_developed(found.app), found.handlers)
    except BaseException as error:  # a factory is the app's code, as is a view that is checked
        return Refused(failure_of(error, "import"), files_named_by(error, (*target.search, *sys.path)))


def prepare_copies(app: App) -> BuiltRoutes | None:
    """Import and build what each copy of this process would for its start-up or its first request."""
    if app.kind == "wsgi":
        importlib.import_module("devserver.worker.asgi.wsgi")
        return None
    if "anyio" in sys.modules:
        with suppress(Exception):  # the request that needs it reports that
            importlib.import_module("anyio._backends._asyncio")
    return BuiltRoutes(app.call)


def _as_developed(app: App) -> App:
    """Return the app with what its framework's own development server puts around it."""
    django_project.check(app)
    return with_debugger(django_project.with_static_files(app))


def _load_project(target: Target) -> Found:
    """Load a Django project as its manage.py would."""
    return Found(django_project.load(target.settings), Handlers({}))
