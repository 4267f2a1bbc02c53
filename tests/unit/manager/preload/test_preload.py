"""What a Worker had is imported as it was, or left out with the reason."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devserver.ipc.messages import ModuleNote, Preload, Report, Surroundings
from devserver.manager.preload.import_guard import Own
from devserver.manager.preload.preload import preload


class Modules:
    """Writes modules and preloads them; `told` are those that were announced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site-packages"
        self.told: list[str] = []
        self.path = (str(folder / "own"), str(self.site), *sys.path)

    def write(self, **modules: str) -> None:
        """Write modules, `package__module` too; the names of the app's own begin with `own_`."""
        for name, text in modules.items():
            folder = self.folder / "own" if name.startswith("own_") else self.site
            file = folder / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.parent != folder:
                (file.parent / "__init__.py").touch()
            file.write_text(textwrap.dedent(text))

    def origin(self, name: str) -> str:
        plain = self.site / f"{name.replace('.', '/')}.py"
        return str(plain if plain.exists() else plain.with_suffix("") / "__init__.py")

    def preload(self, *names: str, environment: dict[str, str | None] | None = None, **order: Any) -> Report:
        notes = tuple(ModuleNote(name, self.origin(name)) for name in names)
        surroundings = Surroundings(environment or {}, self.path, ("app.py",))
        report, self.inheritance = preload(
            Preload(notes, (surroundings,), **order),
            own=[str(self.folder)],
            terminal=False,
            before_import=self.told.append,
        )
        return report


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """A Modules whose modules are gone afterwards."""
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    before = set(sys.modules)
    yield Modules(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_modules_are_imported_in_the_order_of_the_notes(modules: Modules) -> None:
    """Each is announced before it is imported by itself, but not what it brings along."""
    modules.write(far_a="import far_b\n", far_b="", far_c="")
    report = modules.preload("far_a", "far_b", "far_c")
    assert modules.told == ["far_a", "far_c"]
    assert (report.modules, report.left_out, report.restart_without) == (3, (), ())
    assert report.ms > 0


def test_a_module_sees_what_it_saw_in_the_worker_and_the_rest_is_as_before(modules: Modules) -> None:
    """The environment, path and arguments of the Worker's import hold during the import only."""
    modules.write(
        far_a="""
            import os, sys
            SEEN = os.environ.get("LEVEL"), os.environ.get("HOME"), sys.argv[:], sys.path[:]
        """
    )
    before = dict(os.environ), sys.path[:], sys.argv[:]
    assert modules.preload("far_a", environment={"LEVEL": "9", "HOME": None}).left_out == ()
    seen = sys.modules["far_a"].SEEN
    assert seen == ("9", None, ["app.py"], list(modules.path))
    assert (dict(os.environ), sys.path, sys.argv) == before
    assert not [finder for finder in sys.meta_path if type(finder).__name__ == "Guard"]


def test_own_modules_never_get_in(modules: Modules) -> None:
    """Who imports the app's own is left out with all that was importing it, and the rest goes on."""
    modules.write(
        own_settings="",
        far_a__lazy="import far_a.needy\n",
        far_a__needy="import own_settings\n",
        far_a__plain="",
        far_b="",
    )
    report = modules.preload("far_a", "far_a.lazy", "far_a.needy", "far_a.plain", "far_b")
    assert [name for name, _ in report.left_out] == ["far_a.lazy", "far_a.needy"]
    assert "imports own_settings, which is the app's own" in dict(report.left_out)["far_a.needy"]
    loaded = {name for name in sys.modules if name.startswith(("far_", "own_"))}
    assert loaded == {"far_a", "far_a.plain", "far_b"}
    assert not hasattr(sys.modules["far_a"], "needy")
    assert {name for name, _ in report.restart_without} == {"far_a.lazy", "far_a.needy"}


def test_a_second_try_without_them_is_clean(modules: Modules) -> None:
    """What was found unfit does not run again, the reasons stay, and the process may be forked."""
    modules.write(own_settings="", far_a="import own_settings\n", far_b="import far_a\n", far_c="")
    first = modules.preload("far_a", "far_b", "far_c")
    sys.modules.pop("far_c")
    second = modules.preload("far_a", "far_b", "far_c", without=first.restart_without)
    assert (second.modules, second.left_out, second.restart_without) == (1, first.left_out, ())


def test_who_would_do_without_a_refused_module_is_left_out(modules: Modules) -> None:
    """A library that catches the ImportError would be another one than in the Worker."""
    modules.write(
        own_plugin="",
        far_a="try:\n    import own_plugin\nexcept ImportError:\n    own_plugin = None\n",
        far_b="import far_a\n",
    )
    report = modules.preload("far_b", "far_a")
    assert [name for name, _ in report.left_out] == ["far_b", "far_a"]
    assert "far_a" not in sys.modules


def test_who_does_without_what_the_worker_did_not_have_either_is_not(modules: Modules) -> None:
    """An optional dependency that is not there, or fails everywhere, is no reason."""
    modules.write(
        far_broken="1 / 0\n",
        far_a="""
            for name in ("far_missing", "far_broken"):
                try:
                    __import__(name)
                except Exception:
                    pass
        """,
    )
    assert modules.preload("far_a").left_out == ()
    assert "far_a" in sys.modules


def test_looking_for_a_module_is_not_importing_it(modules: Modules) -> None:
    """A library that asks whether an optional one is there is none the worse for it."""
    modules.write(
        far_a="import importlib.util as util\nHAS = util.find_spec('far_b') is not None\n", far_b=""
    )
    assert modules.preload("far_a", "far_b").left_out == ()
    assert sys.modules["far_a"].HAS


def test_every_importer_of_what_fails_is_left_out(modules: Modules) -> None:
    """Two that try in turn and do without are both other ones than in the Worker, where it worked."""
    careful = "try:\n    import far_moody\nexcept OSError:\n    pass\n"
    modules.write(far_a="import far_b, far_c\n", far_b=careful, far_c=careful, far_moody="raise OSError\n")
    report = modules.preload("far_a", "far_b", "far_moody", "far_c")
    assert [name for name, _ in report.left_out] == ["far_a", "far_b", "far_moody", "far_c"]
    assert set(report.restart_without) == set(report.left_out)


@pytest.mark.parametrize("glob", ["far_a", "far_a.*", "far_?"])
def test_what_is_excluded_is_not_imported(modules: Modules, glob: str) -> None:
    """preload-exclude takes a package out, with its modules."""
    modules.write(far_a__sub="")
    report = modules.preload("far_a.sub", exclude=(glob,))
    assert dict(report.left_out) == {"far_a.sub": "is excluded"}
    assert (modules.told, report.restart_without) == ([], ())


def test_gevent_is_never_preloaded(modules: Modules) -> None:
    """It wants to be first in its process, and a Worker that has it by fork has it too late."""
    modules.write(gevent__monkey="")
    assert dict(modules.preload("gevent.monkey").left_out) == {"gevent.monkey": "is never preloaded"}


def test_another_module_of_the_same_name_is_refused(modules: Modules) -> None:
    """What the Worker had from somewhere else must not be replaced by what is found now."""
    modules.write(far_a="")
    note = ModuleNote("far_a", "/elsewhere/far_a.py")
    order = Preload((note,), (Surroundings({}, modules.path),))
    report, _ = preload(order, own=(), terminal=False, before_import=modules.told.append)
    assert "is another one here" in dict(report.left_out)["far_a"]
    assert report.restart_without == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise ValueError('no luck')", "fails here: ValueError: no luck"),
        ("import sys; sys.exit(3)", "fails here: SystemExit: 3"),
        ("import os; os.write(2, b'hello')", "prints at its import"),
        ("import os; del os.environ['PATH']", "changes os.environ (PATH) at its import"),
        ("import sys; sys.path.append('/x')", "changes sys.path at its import"),
        ("import sys; sys.stdin = None", "replaces sys.stdin, stdout or stderr at its import"),
        ("import sys; sys.settrace(lambda *_: None)", "sets a trace function at its import"),
        ("import signal; signal.signal(signal.SIGUSR2, print)", "changes signal handling at its import"),
        ("import socket; socket.create_connection = print", "patches socket.create_connection at its import"),
        ("import logging; logging.getLogger('asyncio').disabled = True", "disables loggers at its import"),
        ("import os; FD = os.memfd_create('kept')", "opens files in memory at its import"),
    ],
)
def test_a_module_that_reaches_beyond_itself_spoils_the_process(
    modules: Modules, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    """It is left out of the next try: each Worker imports it itself, and what it does is done there."""
    import logging
    import signal
    import socket

    monkeypatch.setattr(sys, "stdin", sys.stdin)
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", False)
    monkeypatch.setattr(socket, "create_connection", socket.create_connection)
    trace = sys.gettrace()
    modules.write(far_a=text)
    report = modules.preload("far_a")
    sys.settrace(trace)
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    if opened := getattr(sys.modules.get("far_a"), "FD", None):
        os.close(opened)
    assert report.restart_without == (("far_a", why),)
    assert report.left_out == report.restart_without
    assert capfd.readouterr() == ("", "")


def test_what_a_fork_hands_on_whole_is_no_reason(modules: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters, finders, codecs and the like are in the Worker as if it had imported the module."""
    import warnings

    modules.write(
        far_a="""
            import sys, warnings
            warnings.filterwarnings("ignore", message="far")
            class Finder:
                find_spec = staticmethod(lambda *_: None)
            sys.meta_path.insert(0, Finder)
        """,
        far_b="import own_settings\n",
        own_settings="",
    )
    with warnings.catch_warnings():
        report = modules.preload("far_a", "far_b")
        assert "far" in str(warnings.filters[0])
    assert [name for name, _ in report.left_out] == ["far_b"], "the guard is first again"


def test_a_virtual_environment_in_the_project_is_not_own(tmp_path: Path) -> None:
    """A project's folder is own, the site-packages in it are not, and a folder named in there is."""
    site = tmp_path / ".venv/lib/site-packages"
    own = Own([str(tmp_path), str(site / "worked_on")])
    assert own(str(tmp_path / "app.py"))
    assert not own(str(site / "other/__init__.py"))
    assert own(str(site / "worked_on/__init__.py"))
    assert not own(str(os.__file__))
