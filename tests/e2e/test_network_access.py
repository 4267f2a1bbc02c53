"""Who is let in: addresses, names, certificates, Unix sockets, proxies, and handlers over WebSocket."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.harness import DEADLINE, Client, answering, serving
from tests.http import ask, browsing, websocket
from tests.survivor import TEXT, version
from tests.tls import CERTIFICATE, KEY

SCOPE = """
import json
async def app(scope, receive, send):
    if scope["type"] == "http":
        seen = {key: scope[key] for key in ("scheme", "client", "root_path", "path")}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
"""


def test_foreign_hosts_are_refused_with_the_flag_that_allows_them(tmp_path: Path) -> None:
    """DNS rebinding: a page of evil.com may not read what a local server answers."""
    with serving(tmp_path, "--allow-host", "*.test", text=TEXT) as server, browsing(server) as client:
        refused = client.get("/version", headers={"host": "evil.com"})
        assert refused.status_code == 403
        assert "--allow-host evil.com" in refused.text
        assert client.get("/version", headers={"host": "shop.test:8000"}).text == "v0"
        assert client.get("/version", headers={"host": "shop.localhost"}).text == "v0"
        assert client.get("/version", headers={"host": "a b"}).status_code == 400
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.com", 403), ("null", 403), ("http://localhost:5173", 101), (None, 101)],
)
def test_websockets_from_other_sites_are_refused(tmp_path: Path, origin: str | None, status: int) -> None:
    """A page of Vite on another local port is welcome, one of another site is not."""
    with serving(tmp_path, text=TEXT) as server:
        if status == 101:
            with websocket(server, "/version", **({"origin": origin} if origin else {})) as connection:
                assert ask(connection, "x") == "v0 x"
        else:
            with pytest.raises(InvalidStatus) as refused, websocket(server, "/version", origin=str(origin)):
                pass
            assert refused.value.response.status_code == status
            assert b"--allow-host" in (refused.value.response.body or b"")
        assert server.stop() == 0


def test_a_unix_socket_speaks_what_the_code_serves(tmp_path: Path, short_path: Path) -> None:
    """HTTP for an app; after a save that has handlers only, their frames."""
    path = str(short_path / "s")
    with serving(tmp_path, "--uds", path, listen=False, text=TEXT) as server:
        server.wait("rolled")
        with httpx.Client(transport=httpx.HTTPTransport(uds=path), timeout=DEADLINE) as client:
            assert client.get("http://localhost/version").text == "v0"
        server.save_and_wait(answering("lines"))
        assert Client(path).ask("x") == "lines x"
        assert server.stop() == 0


def test_https_and_wss(tmp_path: Path) -> None:
    """With a certificate; the app sees the schemes, and a connection survives a save."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(KEY)
    trust = ssl.create_default_context(cafile=str(certificate))
    options = ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key))
    with serving(tmp_path, *options, text=TEXT) as server:
        server.wait("rolled")
        url = f"localhost:{server.http_port}/version"
        with httpx.Client(verify=trust, timeout=DEADLINE) as client:
            assert client.get(f"https://{url}").text == "v0"
            with connect(f"wss://{url}", ssl=trust, proxy=None) as connection:
                assert ask(connection, "x") == "v0 x"
                server.save(version(1))
                assert ask(connection, "y") == "v1 y"
            assert client.get(f"https://{url}").text == "v1"
        assert server.stop() == 0


def test_proxy_headers_and_the_root_path_reach_the_app(tmp_path: Path) -> None:
    """From a proxy on this machine, as with uvicorn; unless that is switched off."""
    headers = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    with serving(tmp_path, "--root-path", "/api", text=SCOPE) as server, browsing(server) as client:
        seen = client.get("/x", headers=headers).json()
        assert (seen["scheme"], seen["client"], seen["root_path"]) == ("https", ["203.0.113.9", 0], "/api")
        assert server.stop() == 0
    with serving(tmp_path, "--no-proxy-headers", text=SCOPE) as server, browsing(server) as client:
        seen = client.get("/x", headers=headers).json()
        assert (seen["scheme"], seen["client"][0]) == ("http", "127.0.0.1")
        assert server.stop() == 0


def test_handlers_are_served_over_websocket_too(tmp_path: Path) -> None:
    """One frame a message, text in and text out; state and connection survive saves, TCP shares the room."""
    text = (
        "from devserver import Lines\n"
        "protocol = Lines()\n"
        "def on_connect(conn):\n"
        "    conn.send(f'hello {conn.transport}')\n"
        "def on_receive(conn, data):\n"
        "    conn.state['count'] = conn.state.get('count', 0) + 1\n"
        "    conn.server.broadcast('v1 ' + data.decode() + f' {conn.state[\"count\"]}\\n')\n"
    )
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        lines = Client(server.port)
        with websocket(server, "/anywhere") as connection:
            assert connection.recv(timeout=DEADLINE) == "hello websocket"
            assert ask(connection, "one\ntwo") == "v1 one\ntwo 1\n"
            server.save(text.replace("v1", "v2"))
            assert ask(connection, "three") == "v2 three 2\n"
            large = "x" * 700_000
            assert ask(connection, large) == f"v2 {large} 3\n"
            lines.send("from tcp")
            assert connection.recv(timeout=DEADLINE) == "v2 from tcp 1\n"
            server.save("def broken(:\n")
            assert ask(connection, "four") == "v2 four 4\n"
        assert server.stop() == 0


def test_a_module_with_handlers_only_shows_the_page_beside_it(tmp_path: Path) -> None:
    """`index.html` at `/`, as it is now; anything else is a 404 that shows what to do."""
    with serving(tmp_path, text=answering("x")) as server, browsing(server) as client:
        missing = client.get("/")
        assert missing.status_code == 404
        assert "index.html" in missing.text
        (tmp_path / "index.html").write_text("<p>one")
        assert client.get("/").text == "<p>one"
        (tmp_path / "index.html").write_text("<p>two")
        assert client.get("/").text == "<p>two"
        assert client.get("/other").status_code == 404
        assert server.stop() == 0


def test_a_module_may_have_an_app_and_handlers(tmp_path: Path) -> None:
    """Both are served; WebSockets are the app's, and a kind may come and go with a save."""
    both = answering("lines") + TEXT
    with serving(tmp_path, text=both) as server, browsing(server) as client:
        server.wait("rolled")
        lines = Client(server.port)
        with websocket(server, "/version") as connection:
            assert ask(connection, "x") == "v0 x"
            assert lines.ask("x") == "lines x"
            server.save_and_wait(TEXT.replace("VERSION = 0", "VERSION = 1"))
            lines.send("waits")
            assert client.get("/version").text == "v1"
            server.save_and_wait(both.replace("VERSION = 0", "VERSION = 2"))
            assert lines.line() == "lines waits"
            assert ask(connection, "y") == "v2 y"
        assert server.stop() == 0


def test_smuggled_and_broken_requests_hurt_nobody_else(tmp_path: Path) -> None:
    """They are answered with 400 and their connection is closed."""
    with serving(tmp_path, text=TEXT) as server, browsing(server) as client:
        assert client.get("/version").text == "v0"
        for raw in (
            b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET  HTTP/9.9\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) as broken:
                broken.sendall(raw)
                assert broken.recv(4096).startswith(b"HTTP/1.1 400")
                assert broken.recv(4096) == b""
        assert client.get("/version").text == "v0"
        assert json.dumps(server.past("handler-failed")) == "[]"
        assert server.stop() == 0
