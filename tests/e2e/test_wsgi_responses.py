"""What becomes of a WSGI app's answer is what Werkzeug's server makes of it, and what PEP 3333 says."""

from __future__ import annotations

import http.client
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from tests.frameworks import need

need("werkzeug")

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.apps import wsgi_wire
from tests.harness import DEADLINE, DevServer, eventually, serving
from tests.http import APPS


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def werkzeug() -> Iterator[int]:
    """Serve the app in a thread; return the port."""
    server = make_server("127.0.0.1", 0, wsgi_wire.behave, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.port
    server.shutdown()
    thread.join(DEADLINE)
    server.server_close()


@pytest.fixture(scope="module")
def devserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """Serve it as a user does."""
    folder = tmp_path_factory.mktemp("wsgi")
    shutil.copy(APPS / "wsgi_wire.py", folder)
    with serving(folder, target="wsgi_wire.py") as server:
        server.wait("ready")
        yield server


def answer(port: int, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and the app's headers; -1 is the status of an answer that breaks off."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as client:
        client.request("GET", path)
        found = client.getresponse()
        headers = {n.lower(): value for n, value in found.getheaders() if n.lower().startswith("x-")}
        try:
            return found.status, found.read(), headers
        except (http.client.IncompleteRead, ConnectionError):
            return -1, b"", {}


BREAKS_OFF = ("/fails-later", "/replaced-too-late", "/text-later")
"""Werkzeug closes; its client cannot tell, for it answers HTTP/1.0."""
UNSENDABLE = ("/no-number", "/text")
"""Werkzeug finds out when it has begun, and closes without an answer, or waits for ever."""
AFTER_NOTHING = {"/fails-after-nothing": 500, "/replaced-after-nothing": 503}
"""PEP 3333 holds the head until a part is not empty; Werkzeug only until there is one."""
PATHS = {*wsgi_wire.ALLOWED, *wsgi_wire.FORBIDDEN} - {*BREAKS_OFF, *UNSENDABLE, *AFTER_NOTHING}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_an_answer_is_what_werkzeug_makes_of_it(devserver: DevServer, werkzeug: int, path: str) -> None:
    """Status, body and headers; an app that fails before its first part is answered with 500."""
    theirs, ours = answer(werkzeug, path), answer(devserver.http_port, path)
    assert ours == theirs or (ours[0], theirs[0]) == (500, 500)


@pytest.mark.parametrize("path", BREAKS_OFF)
def test_an_answer_that_has_begun_breaks_off(devserver: DevServer, path: str) -> None:
    """The client can see that something is missing."""
    assert answer(devserver.http_port, path)[0] == -1


@pytest.mark.parametrize(("path", "status"), AFTER_NOTHING.items())
def test_empty_parts_begin_nothing(devserver: DevServer, path: str, status: int) -> None:
    """What fails after them is answered with 500, or with what the app says instead."""
    assert answer(devserver.http_port, path)[0] == status


@pytest.mark.parametrize("path", UNSENDABLE)
def test_what_cannot_be_sent_is_a_500(devserver: DevServer, path: str) -> None:
    """A status that is no number, and text for bytes."""
    assert answer(devserver.http_port, path)[0] == 500


def test_every_iterable_is_closed(devserver: DevServer) -> None:
    """Also one that has failed, at its first part or later; maybe when its client has the answer already."""

    def times(path: str, more_than: int = -1) -> int | None:
        found = answer(devserver.http_port, "/closed")[1].decode().split().count(path)
        return found if found > more_than else None

    for path in wsgi_wire.ALLOWED:
        if path.startswith(("/parts", "/empty-parts", "/fails")):
            before = times(path) or 0
            answer(devserver.http_port, path)
            assert eventually(f"{path} is closed", partial(times, path, before)) == before + 1


def test_the_validator_has_no_complaints(devserver: DevServer) -> None:
    """wsgiref.validate raises AssertionError for what the server does wrong."""
    for path in wsgi_wire.ALLOWED:
        answer(devserver.http_port, path)
    assert "AssertionError" not in devserver.output()
