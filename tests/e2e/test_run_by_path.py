"""Files that the app runs, or reads as source, by their path: no import finds them, and their edits count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks import need
from tests.harness import Client, answering, serving

WAYS = {
    "spec_from_file_location": (
        "import importlib.util as u\n"
        "spec = u.spec_from_file_location('part', 'parts/word.py')\n"
        "part = u.module_from_spec(spec); spec.loader.exec_module(part); WORD = part.WORD"
    ),
    "run_path": "import runpy\nWORD = runpy.run_path('parts/word.py')['WORD']",
    "exec": "p = 'parts/word.py'\nexec(compile(open(p).read(), p, 'exec'))",
    "from_pyfile": (
        "import flask, os\nc = flask.Config(os.getcwd()); c.from_pyfile('parts/word.py'); WORD = c['WORD']"
    ),
    "read": (
        "import ast, pathlib\nWORD = ast.parse(pathlib.Path('parts/word.py').read_text()).body[0].value.value"
    ),
    "all of a folder": (
        "import glob, runpy\n"
        "for p in sorted(glob.glob('parts/*.py')): WORD = runpy.run_path(p).get('WORD', 'none')"
    ),
}
NOT_NAMED_LIKE_SOURCE = "p = 'settings.cfg'\nexec(compile(open(p).read(), p, 'exec'))"


@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["inotify", "poll"])
@pytest.mark.parametrize("way", WAYS)
def test_the_edit_of_a_file_that_is_run_by_its_path_reloads(
    tmp_path: Path, way: str, options: tuple[str, ...]
) -> None:
    """Each edit is there with the next line; a touch reloads nothing, and nothing reloads by itself."""
    if "flask" in WAYS[way]:
        need("flask")
    (tmp_path / "parts").mkdir()
    word = tmp_path / "parts/word.py"
    word.write_text("WORD = 'one'\n")
    text = answering("v", extra=WAYS[way]).replace("'v'", "WORD")
    with serving(tmp_path, *options, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        for answer in ("second", "third and last"):
            server.save_and_wait(f"WORD = {answer!r}\n", "parts/word.py")
            assert client.ask("x") == f"{answer} x"
        word.touch()
        server.save_and_wait(f"WORD = {'the end'!r}\n", "parts/word.py")
        assert client.ask("x") == "the end x"
        assert len(server.past("live")) == 4
        assert server.stop() == 0


def test_a_new_file_beside_one_that_is_run_by_its_path_counts(tmp_path: Path) -> None:
    """A folder of route files gets one more, then loses it."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.py").write_text("WORD = 'one'\n")
    text = answering("v", extra=WAYS["all of a folder"]).replace("'v'", "WORD")
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("WORD = 'two'\n", "parts/b.py")
        assert client.ask("x") == "two x"
        (tmp_path / "parts/b.py").unlink()
        assert client.ask("x") == "one x"
        assert server.stop() == 0


def test_a_broken_file_that_is_run_by_its_path_is_refused(tmp_path: Path) -> None:
    """It is checked like a module, before anything boots."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/word.py").write_text("WORD = 'one'\n")
    with serving(tmp_path, text=answering("v", extra=WAYS["run_path"]).replace("'v'", "WORD")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("WORD = (\n", "parts/word.py")
        assert server.wait("refused", generation=0)["file"] == str(tmp_path / "parts/word.py")
        assert client.ask("x") == "one x"
        server.save("WORD = 'two'\n", "parts/word.py")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


def test_a_file_that_is_executed_counts_whatever_its_name(tmp_path: Path) -> None:
    """Settings in a file of another kind; it is not checked, for it may be a template that was compiled."""
    (tmp_path / "settings.cfg").write_text("WORD = 'one'\n")
    text = answering("v", extra=NOT_NAMED_LIKE_SOURCE).replace("'v'", "WORD")
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("WORD = 'two'\n", "settings.cfg")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


def test_an_optional_file_that_is_made_later_counts(tmp_path: Path) -> None:
    """The app has looked for its local settings and gone on without."""
    (tmp_path / "conf").mkdir()
    optional = "WORD = 'none'\ntry: exec(open('conf/local.py').read())\nexcept OSError: pass"
    with serving(tmp_path, text=answering("v", extra=optional).replace("'v'", "WORD")) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "none x"
        server.save("WORD = 'mine'\n", "conf/local.py")
        assert client.ask("x") == "mine x"
        assert server.stop() == 0


def test_a_file_that_is_run_late_counts(tmp_path: Path) -> None:
    """It is run by a line that a client sends, not at the start."""
    (tmp_path / "late.py").write_text("WORD = 'one'\n")
    text = answering("v").replace("    conn.send('v'", "    exec(open('late.py').read())\n    conn.send(WORD")
    text = text.replace("exec(open", "import runpy; WORD = runpy.run_path('late.py')['WORD']  # ")
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        server.save_and_wait("WORD = 'two'\n", "late.py")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


def test_an_app_that_reads_its_own_source_and_writes_other_source_goes_on_quietly(tmp_path: Path) -> None:
    """It shows its code, and keeps what clients send in files named .py: neither is a reason to reload."""
    text = answering("v").replace(
        "    conn.send(",
        "    name = f'kept_{data.decode()}.py'\n"
        "    open(f'kept/{name}', 'w').write('N = 1')\n"
        "    assert open(f'kept/{name}').read() == 'N = 1' and 'protocol' in open(__file__).read()\n"
        "    conn.send(",
    )
    (tmp_path / "kept").mkdir()
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        for number in [*range(5), *range(5)]:
            assert client.ask(str(number)) == f"v {number}"
        server.save(answering("new"))
        assert client.ask("x") == "new x"
        server.wait("rolled")
        assert len(server.past("live")) == 2
        assert server.stop() == 0
