"""While there is no good code: 503 with the reason, in the form that the client wants, until the fix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness import DEADLINE, serving
from tests.http import ask, browsing, connection_of, websocket
from tests.survivor import TEXT, version

BROKEN = "def broken(:\n"
RAISES = "import os\nraise ValueError('not <today>')\n"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_first_start_that_fails_is_reported_in_html_json_or_text(tmp_path: Path) -> None:
    """With file, line, source and traceback; the fix is served on the same connection."""
    with serving(tmp_path, text=RAISES) as server, browsing(server) as client:
        server.wait("refused")
        page = client.get("/any/path?x=1", headers={"accept": BROWSER})
        assert (page.status_code, page.headers["retry-after"]) == (503, "1")
        assert page.headers["content-type"].startswith("text/html")
        assert "not &lt;today&gt;" in page.text
        assert "handlers.py" in page.text
        answer = client.get("/", headers={"accept": "application/json"})
        body = answer.json()
        assert (body["file"], body["line"], body["type"]) == ("handlers.py", 2, "ValueError")
        assert "not <today>" in body["traceback"]
        plain = client.post("/", content=b"x")
        assert plain.status_code == 503
        assert plain.headers["content-type"].startswith("text/plain")
        assert "ValueError: not <today>" in plain.text
        server.save(RAISES.replace("today", "tomorrow"))
        assert "ValueError: not <tomorrow>" in client.get("/").text
        server.save(TEXT)
        fixed = client.get("/version")
        assert fixed.text == "v0"
        assert connection_of(page) == connection_of(answer) == connection_of(plain) == connection_of(fixed)
        assert server.stop() == 0


def test_the_error_page_hears_of_the_next_error_and_of_the_fix(tmp_path: Path) -> None:
    """It asks the server once and is answered when there is something to show."""
    with serving(tmp_path, text=BROKEN) as server, browsing(server) as client, ThreadPoolExecutor(1) as pool:
        server.wait("refused")
        page = client.get("/", headers={"accept": BROWSER}).text
        assert "__devserver__/live" in page
        seen = page.partition('data-seen="')[2].partition('"')[0]
        watch = f"/__devserver__/live?seen={seen}"
        watching = pool.submit(client.get, watch)
        server.save(RAISES)
        assert watching.result(DEADLINE).status_code == 200
        page = client.get("/", headers={"accept": BROWSER}).text
        other = page.partition('data-seen="')[2].partition('"')[0]
        assert other != seen
        watching = pool.submit(client.get, f"/__devserver__/live?seen={other}")
        server.save(TEXT)
        assert watching.result(DEADLINE).status_code == 200
        assert client.get("/version").text == "v0"
        assert server.stop() == 0


def test_a_websocket_is_refused_with_503_and_accepted_after_the_fix(tmp_path: Path) -> None:
    """A client that reconnects gets through as soon as there is code."""
    with serving(tmp_path, text=BROKEN) as server:
        server.wait("refused")
        with pytest.raises(InvalidStatus) as refused, websocket(server, "/version"):
            pass
        assert refused.value.response.status_code == 503
        server.save(version(1))
        with websocket(server, "/version") as socket:
            assert ask(socket, "x") == "v1 x"
        assert server.stop() == 0


def test_requests_before_the_first_code_wait_for_it(tmp_path: Path) -> None:
    """Nobody is refused because the server has only just been started."""
    with serving(tmp_path, text=TEXT) as server, browsing(server) as client:
        assert client.get("/version").text == "v0"
        assert [fact["event"] for fact in server.facts][:2] == ["started", "listening"]
        assert server.stop() == 0


@pytest.mark.parametrize("failing", ["message", "raises"])
def test_a_failing_lifespan_is_a_failed_boot(tmp_path: Path, failing: str) -> None:
    """The old code serves on; at the first start it is 503 with the reason."""
    fails = (
        "        await receive()\n"
        "        await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
        + ("        raise OSError('no database')\n" if failing == "raises" else "        return\n")
    )
    bad = version(2).replace('        raise RuntimeError("no lifespan")\n', fails)
    with serving(tmp_path, text=bad) as server, browsing(server) as client:
        server.wait("refused")
        assert "no database" in client.get("/").text
        server.save_and_wait(version(1))
        server.save(bad)
        assert client.get("/version").text == "v1"
        assert server.stop() == 0


def test_what_is_no_app_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """After a good start the old code serves on."""
    with serving(tmp_path, text=version(1)) as server, browsing(server) as client:
        server.wait("rolled")
        server.save("app = 42\n")
        refused = server.wait("refused")
        assert "neither an ASGI app" in refused["failures"][0]["message"]
        assert client.get("/version").text == "v1"
        assert server.stop() == 0
