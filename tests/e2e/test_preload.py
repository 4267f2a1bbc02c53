"""Installed modules are imported once: the next Workers inherit them, as if they had imported them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.frameworks import need
from tests.harness import DevServer, eventually, serving
from tests.http import ask, browsing, websocket

HEAVY = """
import os, time
time.sleep(0.06)
def is_born_here(pid=os.getpid()):
    return pid == os.getpid()
"""
APP = """
import os
{before}
import heavy
import other
{after}
VERSION = {version}

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({{"type": "websocket.accept"}})
        while (event := await receive())["type"] == "websocket.receive":
            await send({{"type": "websocket.send", "text": f"v{{VERSION}} {{event['text']}}"}})
    if scope["type"] == "http":
        seen = f"{{getattr(heavy, 'SEEN', '')}} {{getattr(other, 'SAYS', '')}}"
        said = f"v{{VERSION}} {{heavy.is_born_here()}} {{seen}}"
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": said.encode()}})
"""
COLD, INHERITED = "True", "False"
"""Whether the Worker that answers has imported `heavy` itself."""


def app(version: int, *, before: str = "", after: str = "") -> str:
    """Return the app's source; `before` and `after` stand around its imports of what is installed."""
    return APP.format(version=version, before=before, after=after)


@contextmanager
def installed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    heavy: str = HEAVY,
    other: str = "",
    text: str,
) -> Iterator[DevServer]:
    """Serve `text` with two packages installed, until the block ends.

    There is no image unless `--warm` is given: on a busy machine the import may take long enough for one.
    """
    options = options if "--warm" in options else ("--warm", "off", *options)
    site, project = folder / "lib" / "site-packages", folder / "project"
    for name, source in (("heavy", heavy), ("other", other)):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(source)
    project.mkdir(exist_ok=True)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    with serving(project, *options, text=text) as server:
        server.wait("ready")
        yield server


def answer(client: httpx.Client) -> list[str]:
    """Return version, whether the Worker is cold, and what the packages have seen."""
    return client.get("/").text.split()


def test_what_is_installed_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first reload on Workers inherit it; connections know nothing of the other Manager."""
    with installed(tmp_path, monkeypatch, text=app(1)) as server, browsing(server) as client:
        with websocket(server, "/") as socket:
            assert answer(client) == ["v1", COLD]
            told = server.wait("preloaded")
            assert told["modules"] >= 2
            assert told["cold_ms"] > 60
            for version in range(2, 5):
                server.save(app(version))
                assert answer(client) == [f"v{version}", INHERITED]
                assert ask(socket, "x") == f"v{version} x"
        eventually("one Manager is left", lambda: len(managers(server)) == 1)
        assert server.past("lost") == []
        assert "preloaded" in server.output()
        assert server.stop() == 0


def managers(server: DevServer) -> set[int]:
    """Return the Managers that have not ended."""
    ended = {fact["pid"] for fact in server.past("manager-exited")}
    return {fact["pid"] for fact in server.past("manager-started")} - ended


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--preload off` and `--preload-exclude`: each Worker imports by itself."""
    with (
        installed(tmp_path, monkeypatch, "--preload", "off", "--warm", "off", text=app(1)) as server,
        browsing(server) as client,
    ):
        server.save_and_wait(app(2))
        assert answer(client) == ["v2", COLD]
        assert len(server.past("manager-started")) == 1
        assert server.stop() == 0


def test_a_module_that_is_excluded_is_left_out_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is preloaded all the same."""
    options = ("--preload-exclude", "heavy")
    with installed(tmp_path, monkeypatch, *options, text=app(1)) as server, browsing(server) as client:
        assert "heavy" in dict(server.wait("preloaded")["left_out"])
        server.save(app(2))
        assert answer(client) == ["v2", COLD]
        assert server.stop() == 0


IN_MANAGER = (
    "import os\nif open(f'/proc/{os.getppid()}/cmdline').read().startswith('devserver: master'):\n    "
)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            "thread",
        ),
        ("import socket\nKEPT = socket.socket()", "socket"),
        (IN_MANAGER + "import ctypes\n    ctypes.string_at(0)", "ends the process"),
        ("print('hello from other')", "prints"),
        (IN_MANAGER + "raise SystemExit(3)", "SystemExit"),
    ],
    ids=["thread", "socket", "segfault", "print", "exit"],
)
def test_a_package_that_cannot_be_preloaded_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    """A crash or a thread at its import costs a process that is not needed yet; the others are preloaded."""
    with installed(tmp_path, monkeypatch, other=source, text=app(1)) as server, browsing(server) as client:
        left_out = dict(server.wait("preloaded")["left_out"])
        assert reason in left_out["other"], left_out
        server.save(app(2))
        assert answer(client) == ["v2", INHERITED]
        if reason == "prints":
            eventually("each Worker prints", lambda: server.output().count("hello from other") == 2)
        assert server.stop() == 0


def test_the_environment_at_its_import_is_the_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the app sets before an import holds when that is preloaded; a change preloads it again."""
    heavy = HEAVY + "SEEN = os.environ.get('KNOB', 'unset')\n"
    one, two = ("os.environ['KNOB'] = 'one'", "os.environ['KNOB'] = 'two'")
    with installed(tmp_path, monkeypatch, heavy=heavy, text=app(1, before=one)) as server:
        with browsing(server) as client:
            assert answer(client) == ["v1", COLD, "one"]
            server.wait("preloaded")
            server.save(app(2, before=one))
            assert answer(client) == ["v2", INHERITED, "one"]
            server.save(app(3, before=two))
            assert answer(client) == ["v3", COLD, "two"]
            server.wait("preloaded")
            server.save(app(4, before=two))
            assert answer(client) == ["v4", INHERITED, "two"]
        assert any("KNOB" in notice["text"] for notice in server.past("notice"))
        assert server.stop() == 0


def test_packages_that_change_are_imported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an installation the next save runs what is installed then."""
    site = tmp_path / "lib" / "site-packages"
    with installed(tmp_path, monkeypatch, other="SAYS = 'old'\n", text=app(1)) as server:
        with browsing(server) as client:
            server.wait("preloaded")
            server.save(app(2))
            assert answer(client) == ["v2", INHERITED, "old"]
            (site / "other" / "__init__.py").write_text("SAYS = 'newer'\n")
            (site / "other-2.dist-info").mkdir()
            server.save(app(3))
            assert answer(client) == ["v3", COLD, "newer"]
            server.wait("preloaded")
            server.save(app(4))
            assert answer(client) == ["v4", INHERITED, "newer"]
        assert server.stop() == 0


def test_a_boot_that_fails_only_when_preloaded_is_tried_cold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, and it is reported."""
    check = (
        "def check(born=os.getpid()):\n    if os.getpid() != born:\n        raise RuntimeError('forked')\n"
    )
    other = f"import os\n{check}"
    with installed(tmp_path, monkeypatch, other=other, text=app(1)) as server, browsing(server) as client:
        server.wait("preloaded")
        server.save(app(2, after="other.check()"))
        assert answer(client) == ["v2", COLD]
        assert any("preloaded modules" in notice["text"] for notice in server.past("notice", level="warning"))
        server.save("def broken(:\n")
        server.wait("refused")
        server.save(app(3, after="other.check()"))
        assert answer(client)[0] == "v3"
        assert server.stop() == 0


def test_an_error_of_the_apps_own_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not depend on what was preloaded: nothing is tried twice."""
    with installed(tmp_path, monkeypatch, text=app(1)) as server, browsing(server) as client:
        server.wait("preloaded")
        server.save(app(2))
        assert answer(client) == ["v2", INHERITED]
        server.save(app(3, after="1 / 0"))
        assert server.wait("refused")["failures"][0]["type"] == "ZeroDivisionError"
        assert answer(client)[0] == "v2"
        server.save(app(4))
        assert answer(client) == ["v4", INHERITED]
        assert server.past("notice", level="warning") == []
        assert server.stop() == 0


def test_an_own_module_with_an_installed_name_is_the_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`other.py` beside the app hides the installed package, preloaded or not."""
    with installed(tmp_path, monkeypatch, other="SAYS = 'installed'\n", text=app(1)) as server:
        with browsing(server) as client:
            server.wait("preloaded")
            server.save(app(2))
            assert answer(client) == ["v2", INHERITED, "installed"]
            (server.folder / "other.py").write_text("SAYS = 'own'\n")
            server.save(app(3))
            eventually("the own module is used", lambda: answer(client)[2] == "own")
        assert server.stop() == 0


def test_an_own_module_with_a_standard_name_is_the_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that imports `colorsys` gets the app's, as at a cold start, and is left out for that."""
    other = "import colorsys\nSAYS = getattr(colorsys, 'WHOSE', 'standard')\n"
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "colorsys.py").write_text("WHOSE = 'own'\n")
    with installed(tmp_path, monkeypatch, other=other, text=app(1)) as server, browsing(server) as client:
        assert answer(client) == ["v1", COLD, "own"]
        assert "other" in dict(server.wait("preloaded")["left_out"])
        server.save(app(2))
        assert answer(client) == ["v2", INHERITED, "own"]
        (server.folder / "colorsys.py").write_text("WHOSE = 'edited'\n")
        assert answer(client) == ["v2", INHERITED, "edited"]
        assert server.stop() == 0


def test_gevent_that_patches_at_the_top_of_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that came after it is preloaded: each Worker is patched before its imports, as it wants."""
    need("gevent")
    before = "import gevent.monkey\ngevent.monkey.patch_all(thread=False)\nimport socket, gevent.socket"
    after = "heavy.SEEN = socket.socket is gevent.socket.socket"
    text = app(1, before=before, after=after)
    with installed(tmp_path, monkeypatch, text=text) as server, browsing(server) as client:
        assert answer(client) == ["v1", COLD, "True"]
        for version in (2, 3):
            server.save(app(version, before=before, after=after))
            assert answer(client) == [f"v{version}", COLD, "True"]
        assert server.stop() == 0


@pytest.mark.parametrize("victim", ["serving", "elder", "standby"])
def test_a_manager_that_dies_around_the_change_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """Whichever it is, requests are answered and the next save is live."""
    with installed(tmp_path, monkeypatch, text=app(1)) as server, browsing(server) as client:
        server.wait("preloaded")
        first = server.manager()
        [second] = managers(server) - {first}
        if victim == "standby":
            os.kill(second, signal.SIGKILL)
        elif victim == "elder":
            server.save(app(2, after="1 / 0"))
            server.wait("refused")
            os.kill(first, signal.SIGKILL)
        else:
            server.save_and_wait(app(2))
            os.kill(second, signal.SIGKILL)
        server.wait("manager-exited")
        assert answer(client)[0] in ("v1", "v2")
        server.save(app(3))
        assert answer(client)[0] == "v3"
        assert server.stop() == 0
