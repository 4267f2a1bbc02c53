"""A Django project is served as runserver would: each test in a process, for Django has one configuration."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.frameworks import need

need("django", "channels")

SETTINGS = """
from pathlib import Path
DEBUG = True
SECRET_KEY = "a key for tests"
ROOT_URLCONF = "proj.urls"
STATIC_URL = "static/"
STATICFILES_DIRS = [Path(__file__).parent / "assets"]
INSTALLED_APPS = ["django.contrib.staticfiles"]
WSGI_APPLICATION = "proj.wsgi.application"
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
ASGI = """
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application
application = ProtocolTypeRouter({"http": get_asgi_application()})
"""
ASKING = """
import asyncio, sys
from devserver.worker.find.apps import App, find_app
from devserver.worker.find.django_project import check, load, with_static_files

def ask(app, path):
    "Return the status and the body that a GET gets."
    if app.kind == "wsgi":
        from wsgiref.util import setup_testing_defaults
        seen = []
        environ = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        body = b"".join(app.call(environ, lambda status, headers: seen.append(status)))
        return int(seen[0].split()[0]), body
    sent = []
    async def run():
        over = asyncio.Event()  # nothing comes after the request
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
        async def receive():
            for message in messages:
                return message
            await over.wait()
        async def send(message):
            sent.append(message)
        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "root_path": "",
            "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }
        await app.call(scope, receive, send)
    asyncio.run(run())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
"""


class Project:
    """A Django project in a folder, and code that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("__init__", "")
        self.write("settings", SETTINGS)
        self.write("urls", URLS)
        self.write("wsgi", WSGI)
        self.write("asgi", ASGI)
        (folder / "proj/assets").mkdir()
        (folder / "proj/assets/site.css").write_text("body {}")

    def write(self, module: str, source: str) -> None:
        file = self.folder / "proj" / f"{module}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)

    def run(self, code: str, settings: str = "") -> str:
        """Run `code` in a process whose cwd is the project's, and return what it printed."""
        if settings:
            self.write("settings", SETTINGS + settings)
        environment = {"PYTHONPATH": f"{Path(__file__).parents[4]}:{self.folder}", "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ASKING + textwrap.dedent(code)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_app_of_the_settings_answers_with_static_files(project: Project) -> None:
    """WSGI_APPLICATION is served, and beside it the static files; the app sees that it is served."""
    project.run(
        """
        import os
        app = load("proj.settings")
        assert (app.kind, app.name) == ("wsgi", "proj.wsgi.application")
        assert ask(app, "/") == (200, b"hello")
        assert ask(app, "/static/site.css") == (200, b"body {}")
        assert ask(app, "/static/none.css")[0] == 404
        assert with_static_files(app) is app
        assert sys.argv[:2] == ["manage.py", "runserver"] and os.environ["RUN_MAIN"] == "true"
        """
    )


def test_without_a_named_app_it_is_django_s_own(project: Project) -> None:
    """Neither application is set: Django makes one. Without DEBUG there are no static files."""
    settings = "WSGI_APPLICATION = None\nDEBUG = False\nALLOWED_HOSTS = ['*']\n"
    project.run(
        """
        app = load("proj.settings")
        assert app.name == "get_wsgi_application()"
        assert ask(app, "/") == (200, b"hello")
        assert ask(app, "/static/site.css")[0] == 404
        """,
        settings,
    )


def test_channels_is_served_as_asgi(project: Project) -> None:
    """ASGI_APPLICATION wins, so that WebSockets work, and static files are served there too."""
    project.run(
        """
        app = load("proj.settings")
        assert (app.kind, app.name) == ("asgi", "proj.asgi.application")
        assert ask(app, "/") == (200, b"hello")
        assert ask(app, "/static/site.css") == (200, b"body {}")
        """,
        'ASGI_APPLICATION = "proj.asgi.application"\n',
    )


def test_the_environment_names_other_settings(project: Project) -> None:
    """DJANGO_SETTINGS_MODULE wins, as it does over manage.py."""
    project.write("other", SETTINGS + "WSGI_APPLICATION = None\n")
    project.run(
        """
        import os
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.other"
        assert load("proj.settings").name == "get_wsgi_application()"
        """
    )


@pytest.mark.parametrize("module", ["asgi", "wsgi"])
def test_an_ordinary_target_gets_static_files_too(project: Project, module: str) -> None:
    """`devserver proj.asgi` serves what runserver serves, once."""
    project.run(
        f"""
        import os
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
        import proj.{module}
        plain = find_app(proj.{module}, "", False, handlers=False)
        app = with_static_files(plain)
        check(app)
        assert ask(plain, "/static/site.css")[0] == 404
        assert ask(app, "/static/site.css") == (200, b"body {{}}")
        assert ask(app, "/") == (200, b"hello")
        assert with_static_files(app) is app
        """
    )


def test_other_apps_are_left_alone(project: Project) -> None:
    """Nothing happens to an app that is not Django's, and Django is not imported for it."""
    project.run(
        """
        async def other(scope, receive, send): ...
        app = App("asgi", other, "app")
        check(app)
        assert with_static_files(app) is app
        assert "django" not in sys.modules
        import django.core.handlers.base
        check(app)
        assert with_static_files(app) is app
        """
    )


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ("raise RuntimeError('no settings')", "RuntimeError", "no settings"),
        ("WSGI_APPLICATION = 'proj.nowhere.application'", "ImproperlyConfigured", "proj.nowhere.application"),
        ("ASGI_APPLICATION = 'proj.asgi.nothing'", "ImportError", "nothing"),
        ("INSTALLED_APPS = ['nowhere']", "ModuleNotFoundError", "nowhere"),
        ("ROOT_URLCONF = 'proj.nowhere'", "ModuleNotFoundError", "proj.nowhere"),
        ("STATICFILES_DIRS = 'wrong'", "SystemCheckError", "STATICFILES_DIRS"),
    ],
)
def test_a_broken_project_raises_what_runserver_shows(
    project: Project, settings: str, error: str, says: str
) -> None:
    """Django's own error goes through, before any request."""
    output = project.run(
        """
        try:
            load("proj.settings")
        except Exception as error:
            print(type(error).__name__, error)
        """,
        settings,
    )
    assert output.startswith(error)
    assert says in output


def test_broken_views_are_found_at_once(project: Project) -> None:
    """A view that cannot be imported keeps new code from going live, though no request has asked for it."""
    project.write("urls", "import proj.views\n")
    project.write("views", "raise NameError('broken view')\n")
    assert "broken view" in project.run(
        """
        try:
            load("proj.settings")
        except NameError as error:
            print(error)
        """
    )


def test_warnings_of_the_checks_are_printed(project: Project) -> None:
    """What runserver warns of is seen here too, and nothing is reported when all is well."""
    assert project.run('load("proj.settings")') == ""
    settings = "STATICFILES_DIRS = ['/nowhere/at/all']\n"
    assert "staticfiles.W004" in project.run('load("proj.settings")', settings)
