"""A Django project as `django-admin startproject` makes it, served instead of `manage.py runserver`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.frameworks import need
from tests.harness import DEADLINE, DevServer, eventually, serving
from tests.http import browsing, connection_of, edit, stop_well

PASSWORD = "only for tests"
VIEWS = """\
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

WORD = "old"

def page(request):
    return render(request, "page.html", {"word": WORD})

def word(request):
    return HttpResponse(WORD)

@csrf_exempt
def upload(request):
    print("upload begun", flush=True)
    size = sum(len(part) for part in request.FILES["file"].chunks())
    return JsonResponse({"word": WORD, "size": size, "note": request.POST["note"]})

def rows(request):
    return StreamingHttpResponse(f"{WORD} {number:8191}\\n" for number in range(int(request.GET["count"])))

def broken(request):
    return HttpResponse(request.no_such_thing)
"""
URLS = """\
from django.contrib import admin
from django.urls import path

from mysite import views

names = ("page", "word", "upload", "rows", "broken")
urlpatterns = [path("admin/", admin.site.urls), *(path(f"{name}/", getattr(views, name)) for name in names)]
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with a database, one user and a few views."""
    need("django")
    folder = tmp_path_factory.mktemp("django")
    environment = os.environ | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}

    def run(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, check=True, timeout=DEADLINE
        )

    run("-m", "django", "startproject", "mysite", ".")
    run("manage.py", "migrate", "--verbosity=0")
    run("manage.py", "createsuperuser", "--noinput", "--username=ada", "--email=ada@example.com")
    (folder / "mysite/views.py").write_text(VIEWS)
    (folder / "mysite/urls.py").write_text(URLS)
    (folder / "mysite/templates").mkdir()
    (folder / "mysite/templates/page.html").write_text("<p>{{ word }} word, old template</p>")
    edit(folder / "mysite/settings.py", "'DIRS': []", "'DIRS': [BASE_DIR / 'mysite/templates']")
    return folder


@pytest.fixture
def project(started: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(started, tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def site(project: Path) -> Iterator[DevServer]:
    """Serve it, named by its manage.py."""
    with serving(project, target="manage.py") as server:
        yield server


@pytest.mark.parametrize("target", ["manage.py", ".", "mysite/wsgi.py", "mysite.wsgi"])
def test_the_admin_works_and_has_its_css(project: Path, target: str) -> None:
    """Whatever names the project: the login page is styled, one can log in, and a save logs no user out."""
    with serving(project, target=target) as server, browsing(server) as client:
        login = client.get("/admin/login/?next=/admin/")
        assert "<title>Log in | Django site admin</title>" in login.text
        styles = re.findall(r'<link rel="stylesheet" href="([^"]+)">', login.text)
        assert "/static/admin/css/base.css" in styles
        for style in styles:
            found = client.get(style)
            assert (found.status_code, found.headers["content-type"].split(";")[0]) == (200, "text/css")
        assert "Welcome" in _log_in(client, login).text
        edit(project / "mysite/urls.py", "names = ", "admin.site.site_header = 'The new header'\nnames = ")
        index = client.get("/admin/")
        assert "The new header" in index.text
        assert "Log out" in index.text
        assert connection_of(login) == connection_of(index)
        stop_well(server)


def _log_in(client: httpx.Client, page: httpx.Response) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    return client.post("/admin/login/?next=/admin/", data=form, follow_redirects=True)


def test_views_templates_and_settings_are_new_with_the_next_request(site: DevServer) -> None:
    """Each is edited in turn, and all requests share one connection."""
    with browsing(site) as client:
        answers = [client.get("/page/")]
        assert answers[-1].text == "<p>old word, old template</p>"
        edit(site.folder / "mysite/templates/page.html", "old template", "new template")
        answers.append(client.get("/page/"))
        assert answers[-1].text == "<p>old word, new template</p>"
        edit(site.folder / "mysite/views.py", 'WORD = "old"', 'WORD = "new"')
        answers.append(client.get("/page/"))
        assert answers[-1].text == "<p>new word, new template</p>"
        edit(site.folder / "mysite/settings.py", "'en-us'", "'de'")
        answers.append(client.get("/admin/login/"))
        assert "<title>Anmelden" in answers[-1].text
        assert len({connection_of(answer) for answer in answers}) == 1
    stop_well(site)


def test_an_exception_shows_djangos_page_and_the_console_its_traceback(site: DevServer) -> None:
    """As under runserver; the fix is there with the next request on the same connection."""
    with browsing(site) as client:
        broken = client.get("/broken/", headers={"accept": "text/html"})
        assert broken.status_code == 500
        assert "<title>AttributeError" in broken.text
        eventually("the traceback is on the console", lambda: "no_such_thing" in site.output())
        edit(site.folder / "mysite/views.py", "request.no_such_thing", "WORD")
        mended = client.get("/broken/")
        assert (mended.status_code, mended.text) == (200, "old")
        assert connection_of(broken) == connection_of(mended)
    stop_well(site)


def test_a_broken_edit_leaves_the_good_code_serving(site: DevServer) -> None:
    """A name that is not there in a view's module is refused before any request meets it."""
    with browsing(site) as client:
        assert client.get("/word/").text == "old"
        edit(site.folder / "mysite/views.py", 'WORD = "old"', "WORD = no_such_name")
        assert client.get("/word/").text == "old"
        refused = site.wait("refused")
        assert refused["failures"][0]["message"] == "name 'no_such_name' is not defined"
        edit(site.folder / "mysite/views.py", "WORD = no_such_name", 'WORD = "new"')
        assert client.get("/word/").text == "new"
    stop_well(site)


def test_an_upload_and_a_download_end_where_they_began(site: DevServer) -> None:
    """Both are under way when a view is saved; others get the new code at once, and both are whole."""
    count, go_on = 1_000, threading.Event()
    head = (
        _part("note", "a note")
        + b'--edge\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    )
    tail = b"\r\n--edge--\r\n"
    size = 3_000_000

    def body() -> Iterator[bytes]:
        yield head + b"x" * 100_000
        assert go_on.wait(DEADLINE)
        yield b"x" * (size - 100_000) + tail

    uploaded: list[object] = []
    headers = {
        "content-type": "multipart/form-data; boundary=edge",
        "content-length": str(len(head) + size + len(tail)),
    }
    with browsing(site) as client, browsing(site) as other:

        def upload() -> None:
            uploaded.append(client.post("/upload/", content=body(), headers=headers).json())

        thread = threading.Thread(target=upload)
        thread.start()
        with other.stream("GET", "/rows/", params={"count": count}) as response:
            lines = response.iter_lines()
            assert next(lines).split() == ["old", "0"]
            eventually("the upload has begun", lambda: "upload begun" in site.output())
            edit(site.folder / "mysite/views.py", 'WORD = "old"', 'WORD = "new"')
            assert httpx.get(f"http://127.0.0.1:{site.http_port}/word/", timeout=DEADLINE).text == "new"
            assert [line.split() for line in lines] == [["old", str(number)] for number in range(1, count)]
        go_on.set()
        thread.join(DEADLINE)
        assert uploaded == [{"word": "old", "size": size, "note": "a note"}]
        assert client.get("/word/").text == "new"
    stop_well(site)


def _part(name: str, value: str) -> bytes:
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
