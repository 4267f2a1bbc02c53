"""What a browser or a program met, said where devserver runs: refusals, the wrong scheme, old code."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.harness import DEADLINE, DevServer, eventually, serving
from tests.tls import trusting, write_pair

APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
DJANGO = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'proj.settings')\n",
    "proj/__init__.py": "",
    "proj/settings.py": "SECRET_KEY = 'x'\nDEBUG = True\nROOT_URLCONF = 'proj.urls'\n"
    "INSTALLED_APPS = ['shop']\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
    "proj/urls.py": "urlpatterns = []\n",
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n\n\nclass Item(models.Model):\n"
    "    size = models.IntegerField()\n    name = models.CharField()\n",
}


def lines_with(server: DevServer, text: str) -> list[str]:
    """Return the console's lines with that text, once there is one."""
    eventually(f"a line with {text!r}", lambda: text in server.output())
    return [line for line in server.output().splitlines() if text in line]


def test_https_to_the_http_port_is_reported_once(tmp_path: Path) -> None:
    """With what to do; the client sees that it is no TLS."""
    with serving(tmp_path, text=APP) as server:
        server.wait("live")
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) as plain,
                pytest.raises(ssl.SSLError),
            ):
                trusting().wrap_socket(plain)
        (line,) = lines_with(server, "speaks HTTPS")
        assert f"http://127.0.0.1:{server.http_port}" in line
        assert "Invalid HTTP" not in server.output()
        assert httpx.get(f"http://127.0.0.1:{server.http_port}/", timeout=DEADLINE).text == "ok"


def test_http_to_the_https_port_is_reported_once(tmp_path: Path) -> None:
    """With the right address."""
    certificate, key = write_pair(tmp_path)
    options = ("--ssl-certfile", certificate, "--ssl-keyfile", key)
    with serving(tmp_path, *options, text=APP) as server:
        server.wait("live")
        for _ in range(2):
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{server.http_port}/", timeout=DEADLINE)
        (line,) = lines_with(server, "speaks HTTP to")
        assert f"https://127.0.0.1:{server.http_port}" in line
        answer = httpx.get(f"https://127.0.0.1:{server.http_port}/", verify=trusting(), timeout=DEADLINE)
        assert answer.text == "ok"


def test_each_503_leaves_a_line(tmp_path: Path) -> None:
    """And so does a host that is refused, once."""
    with serving(tmp_path, text="def broken(:\n") as server:
        server.wait("refused")
        for path in ("/a", "/a", "/b?x=1"):
            assert (
                httpx.get(f"http://127.0.0.1:{server.http_port}{path}", timeout=DEADLINE).status_code == 503
            )
        for _ in range(2):
            headers = {"host": "shop.example"}
            answer = httpx.get(f"http://127.0.0.1:{server.http_port}/", headers=headers, timeout=DEADLINE)
            assert answer.status_code == 403
        lines_with(server, "GET /b?x=1 503: no code ran it")
        assert len(lines_with(server, "GET /a 503: no code ran it")) == 2
        assert len(lines_with(server, "refused a client: The host shop.example")) == 1


def test_answers_of_old_code_say_which_save_was_refused(tmp_path: Path) -> None:
    """In a header, until it is mended."""
    with serving(tmp_path, text=APP) as server, httpx.Client(timeout=DEADLINE) as client:
        server.wait("live")
        place = f"http://127.0.0.1:{server.http_port}/"
        assert "devserver-stale" not in client.get(place).headers
        server.save(APP + "\ndef broken(:\n")
        server.wait("refused")
        answer = client.get(place)
        assert (answer.text, answer.headers["devserver-stale"]) == ("ok", "handlers.py:8")
        server.save(APP + "\nx = 1\n")
        server.wait("live")
        assert "devserver-stale" not in client.get(place).headers


def test_a_failing_check_of_django_is_reported_at_the_line_of_the_model(tmp_path: Path) -> None:
    """Once, in Django's words, and not as a fault in Django."""
    for name, text in DJANGO.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with serving(tmp_path, target="manage.py") as server:
        fact = server.wait("refused")
        assert (fact["file"], fact["line"]) == (str(tmp_path / "shop" / "models.py"), 6)
        assert len(lines_with(server, "CharFields must define a 'max_length' attribute")) == 1
        assert "site-packages/django/core/management" not in server.output()
        server.save(
            DJANGO["shop/models.py"].replace("CharField()", "CharField(max_length=9)"), "shop/models.py"
        )
        server.wait("live")
