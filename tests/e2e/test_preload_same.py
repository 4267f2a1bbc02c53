"""Preloading under the real command: what the app does in front of its imports is kept, and ends nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.test_preload import COLD, INHERITED, answer, app, installed
from tests.harness import eventually
from tests.http import browsing

FIRST = """
import logging, warnings
warnings.filterwarnings("ignore")
logging.basicConfig(level=logging.INFO)
os.environ["TZ"] = "Asia/Tokyo"
"""


def test_a_line_in_front_of_the_imports_does_not_switch_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every reload inherits, save after save, and nothing is taken for a change."""
    after = "heavy.SEEN = len(logging.root.handlers)"
    text = app(1, before=FIRST, after=after)
    with installed(tmp_path, monkeypatch, text=text) as server, browsing(server) as client:
        assert answer(client) == ["v1", COLD, "1"]
        assert server.wait("preloaded")["ended"] == ""
        for version in (2, 3, 4):
            server.save(app(version, before=FIRST, after=after))
            assert answer(client) == [f"v{version}", INHERITED, "1"]
        assert not [notice for notice in server.past("notice") if "differently" in notice["text"]]
        assert server.stop() == 0


def test_random_numbers_differ_from_save_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library with a source of its own draws other names in each Worker."""
    other = "import random\nRNG = random.Random()\n"
    with installed(tmp_path, monkeypatch, other=other, text=app(1)) as server, browsing(server) as client:
        drawn = set()
        server.wait("preloaded")
        for version in (2, 3, 4):
            server.save(app(version, after="heavy.SEEN = other.RNG.getrandbits(64)"))
            said = answer(client)
            assert said[:2] == [f"v{version}", INHERITED]
            drawn.add(said[2])
        assert len(drawn) == 3
        assert server.stop() == 0


def test_a_condition_that_an_edit_brings_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that has looked at the folder at its import looks again when the app goes elsewhere."""
    heavy = "import os, time\ntime.sleep(0.06)\nSEEN = os.getcwd()\n" + (
        "def is_born_here(pid=os.getpid()):\n    return pid == os.getpid()\n"
    )
    place = tmp_path / "elsewhere"
    place.mkdir()
    move = f"os.chdir({str(place)!r})"
    with installed(tmp_path, monkeypatch, heavy=heavy, text=app(1)) as server, browsing(server) as client:
        server.wait("preloaded")
        server.save(app(2))
        assert answer(client) == ["v2", INHERITED, os.path.realpath(server.folder)]
        server.save(app(3, before=move))
        assert answer(client) == ["v3", COLD, str(place)]
        eventually(
            "it is reported",
            lambda: any("the working directory" in notice["text"] for notice in server.past("notice")),
        )
        server.wait("preloaded")
        server.save(app(4, before=move))
        assert answer(client) == ["v4", INHERITED, str(place)]
        assert server.stop() == 0


def test_why_nothing_can_be_preloaded_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import hook in front of everything: each reload imports it all, and the user knows why."""
    before = "import sys\nclass Hook:\n    pass\nsys.meta_path.append(Hook())"
    with installed(tmp_path, monkeypatch, text=app(1, before=before)) as server:
        told = server.wait("notice")
        assert "nothing can be preloaded" in told["text"]
        assert "sys.meta_path" in told["text"]
        assert server.stop() == 0


def test_hashes_are_the_same_in_every_process_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of a set that a library has made a text of at its import does not change with a save."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    after = "heavy.SEEN = str(hash('x')) + str(os.environ.get('PYTHONHASHSEED'))"
    with installed(tmp_path, monkeypatch, text=app(1, after=after)) as server, browsing(server) as client:
        first = answer(client)[2]
        assert first.endswith("None")
        server.wait("preloaded")
        server.save(app(2, after=after))
        assert answer(client) == ["v2", INHERITED, first]
        assert server.stop() == 0
