"""The recipes of the docs: each is followed as it is written, saved once, and answers with the new code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.harness import DEADLINE, Client, DevServer, eventually, free_port, serving

RECIPES = (Path(__file__).parents[2] / "docs" / "RECIPES.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", RECIPES, re.MULTILINE | re.DOTALL))


def commands(title: str) -> list[list[str]]:
    """Return the commands of a recipe, each cut into words."""
    [block] = re.findall(r"^```console\n(.*?)^```", SECTIONS[title], re.MULTILINE | re.DOTALL)
    return [shlex.split(line.removeprefix("$ ")) for line in block.splitlines()]


@contextmanager
def following(title: str, folder: Path) -> Iterator[DevServer]:
    """Write a recipe's files, run its commands, and serve what the last one says, on free ports."""
    for name, text in re.findall(
        r'^```python title="(.+?)"\n(.*?)^```', SECTIONS[title], re.MULTILINE | re.DOTALL
    ):
        (folder / name).write_text(text)
    *before, (_, target, *options) = commands(title)
    for program, *arguments in before:
        start = [sys.executable, "-m", "django"] if program == "django-admin" else [program]
        subprocess.run([*start, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
    if "--tcp" in options:  # the tests' own are on free ports
        place = options.index("--tcp")
        del options[place : place + 2]
    with serving(folder, *options, target=target) as server:
        server.wait("rolled")
        yield server


def edit(server: DevServer, name: str) -> None:
    """Save the recipe's file with another answer, and wait until it is live."""
    server.save_and_wait((server.folder / name).read_text().replace("one", "two"), name)


@pytest.mark.parametrize(
    ("title", "name"), [("FastAPI", "main.py"), ("Flask", "shop.py"), ("Docker and Compose", "main.py")]
)
def test_a_recipe_of_a_web_app_answers_and_reloads(tmp_path: Path, title: str, name: str) -> None:
    """Copied as it is, it runs; a save of it is answered for."""
    if title != "Docker and Compose":
        pytest.importorskip(title.lower())
    with following(title, tmp_path) as server:
        url = f"http://127.0.0.1:{server.http_port}/"
        assert "one" in httpx.get(url, timeout=DEADLINE).text
        edit(server, name)
        assert "two" in httpx.get(url, timeout=DEADLINE).text
        assert server.stop() == 0


def test_the_recipe_of_a_django_project_answers_and_reloads(tmp_path: Path) -> None:
    """A new project shows Django's page of welcome; another view is live with its save."""
    pytest.importorskip("django")
    with following("Django", tmp_path) as server:
        url = f"http://127.0.0.1:{server.http_port}/"
        assert "The install worked successfully" in httpx.get(url, timeout=DEADLINE).text
        view = "from django.http import HttpResponse\nfrom django.urls import path\n"
        server.save_and_wait(
            f"{view}urlpatterns = [path('', lambda request: HttpResponse('two'))]\n", "shop/urls.py"
        )
        assert httpx.get(url, timeout=DEADLINE).text == "two"
        assert server.stop() == 0


def test_the_recipe_of_tcp_handlers_answers_and_reloads(tmp_path: Path) -> None:
    """The connection stays open over the save."""
    with following("TCP handlers", tmp_path) as server, closing(Client(server.port)) as client:
        assert client.ask("you") == "hello one you"
        edit(server, "handlers.py")
        assert client.ask("you") == "hello two you"
        assert server.stop() == 0


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the recipe's certificate")
def test_the_recipe_of_https_answers_and_reloads(tmp_path: Path) -> None:
    """With the certificate that the recipe makes."""
    with following("HTTPS", tmp_path) as server, httpx.Client(verify=False) as client:
        url = f"https://127.0.0.1:{server.http_port}/"
        assert client.get(url).text == "hello one"
        edit(server, "main.py")
        assert client.get(url).text == "hello two"
        assert server.stop() == 0


NGINX = """\
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path .; proxy_temp_path .;
    fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
    server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_the_recipe_of_nginx_hands_requests_on(tmp_path: Path) -> None:
    """What nginx forwards is answered, and a save is live behind it as well."""
    [location] = re.findall(r"^```nginx\n(.*?)^```", SECTIONS["nginx in front"], re.MULTILINE | re.DOTALL)
    port = free_port()
    with following("Docker and Compose", tmp_path) as server:
        location = location.replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}")
        (tmp_path / "nginx.conf").write_text(NGINX.format(port=port, location=location))
        proxy = subprocess.Popen(
            ["nginx", "-p", str(tmp_path), "-c", "nginx.conf"], stderr=subprocess.DEVNULL
        )
        try:
            assert eventually("nginx answers", lambda: asked(port)) == "hello one"
            edit(server, "main.py")
            assert asked(port) == "hello two"
        finally:
            proxy.terminate()
            proxy.wait(30)
        assert server.stop() == 0


def asked(port: int) -> str:
    """Return what nginx answers, "" while it does not."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=DEADLINE).text
    except httpx.ConnectError:
        return ""
