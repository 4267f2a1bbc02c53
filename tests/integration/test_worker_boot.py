"""A real Worker boots from its snapshot, or reports why it cannot."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from devserver.ipc.messages import BootDone, BootFailed, Handled, Leave, Loaded, Source, Used
from devserver.ipc.source_digest import digest
from tests.integration.worker_driver import Start, WorkerProcess, workers

start = pytest.fixture(workers)

ANSWER = "def on_receive(conn, data):\n    conn.send(str({}))\n"


def snapshot(files: dict[Path, str | None]) -> dict[str, Source]:
    """Return what the Manager hands over: sources without code, as after a check that is not done yet."""
    return {
        str(path): Source(str(path), digest((text or "").encode()), None if text is None else text.encode())
        for path, text in files.items()
    }


def refused(worker: WorkerProcess) -> BootFailed:
    """Return why the Worker could not boot; it reports that once, prints nothing, and exits with its code."""
    failed = [message for message in worker.rest() if isinstance(message, BootFailed)]
    assert worker.exit_code() == 3
    assert len(failed) == 1
    assert "Traceback" not in worker.output
    return failed[0]


def test_every_own_module_is_reported_before_it_runs(start: Start, tmp_path: Path) -> None:
    """What a Worker reads from the disk reaches the Master with source and code, before the module runs."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/prices.py").write_text("from . import taxes\n")
    (tmp_path / "shop/taxes.py").write_text("raise OSError(28, 'taxes')\n")
    worker = start("import json, msgspec, shop.prices\n", ready=False)
    said = worker.rest()
    loaded = [message for message in said if isinstance(message, Loaded)]
    names = [str(Path(message.source.path).relative_to(tmp_path)) for message in loaded]
    assert names == ["app.py", "shop/__init__.py", "shop/prices.py", "shop/taxes.py"]
    assert loaded[2].source.source == b"from . import taxes\n"
    assert loaded[2].source.digest == digest(b"from . import taxes\n")
    assert all((message.worker, message.generation) == (7, 3) for message in loaded)
    assert all(message.source.code for message in loaded)
    failed = said[-1]
    assert isinstance(failed, BootFailed)
    assert (failed.failure.phase, failed.failure.type, failed.failure.errno) == ("import", "OSError", 28)
    assert [path for path in failed.paths if not path.endswith("/")] == [
        message.source.path for message in loaded
    ]
    assert not list(tmp_path.rglob("*.pyc"))


def test_the_code_that_was_reported_boots_the_next_worker(start: Start, tmp_path: Path) -> None:
    """It reads nothing, though the disk is empty by then, and reports what it uses before it is ready."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/prices.py").write_text("PRICE = 12\n")
    first = start("from shop.prices import PRICE\n" + ANSWER.format("PRICE"), ready=False)
    sources = {}
    while not isinstance(message := first.next(), BootDone):
        assert isinstance(message, Loaded | Used)
        if isinstance(message, Loaded):
            sources[message.source.path] = message.source
    (tmp_path / "app.py").unlink()
    (tmp_path / "shop/prices.py").unlink()
    (tmp_path / "shop").rmdir()
    second = start(None, ready=False, sources=sources)
    used = second.next()
    assert isinstance(used, Used)
    assert [path for path in used.paths if not path.endswith("/")] == list(sources)
    assert isinstance(second.next(), BootDone)
    assert second.reply() == b"12"


def test_what_is_imported_late_is_reported_as_used(start: Start, tmp_path: Path) -> None:
    """In a handler, with all that it imports in its turn, and only the first time."""
    late, later = tmp_path / "late.py", tmp_path / "later.py"
    text = "def on_receive(conn, data):\n    import late\n    conn.send(str(late.N))\n"
    known = snapshot({tmp_path / "app.py": text, late: "from later import N\n", later: "N = 8\n"})
    worker = start(text, sources=known)
    assert worker.reply() == b"8"
    assert worker.until(Used).paths == (str(late), str(later))
    assert worker.reply() == b"8"
    worker.send(Leave())
    assert not [message for message in worker.rest() if isinstance(message, Used)]


def test_the_snapshot_wins_over_a_broken_disk(start: Start, tmp_path: Path) -> None:
    """The last good code runs, at boot and in a lazy import, whatever is saved on disk by now."""
    app, lazy = tmp_path / "app.py", tmp_path / "lazy.py"
    good = "def on_receive(conn, data):\n    import lazy\n    conn.send(str(lazy.N))\n"
    lazy.write_text("this is (broken")
    worker = start("and this", sources=snapshot({app: good, lazy: "N = 8\n"}))
    assert worker.reply() == b"8"


def test_a_lazy_import_is_read_once(start: Start, tmp_path: Path) -> None:
    """A module first imported in a handler is reported then, and a reload in the app gets the same code."""
    (tmp_path / "lazy.py").write_text("N = 1\n")
    worker = start(
        """
        import importlib
        def on_receive(conn, data):
            import lazy
            conn.send(str(importlib.reload(lazy).N))
        """
    )
    job = worker.begin()
    assert Path(worker.until(Loaded).source.path).name == "lazy.py"
    assert worker.until(Handled).job == job
    (tmp_path / "lazy.py").write_text("N = 2\n")
    worker.begin()
    messages = [worker.next(), worker.next()]
    assert not any(isinstance(message, Loaded) for message in messages)
    assert worker.sent[1] == b"11"


def test_a_traceback_shows_what_ran(start: Start, tmp_path: Path) -> None:
    """The lines of a traceback are those of the code that ran, not those on disk by now."""
    worker = start("def on_receive(conn, data):\n    raise ValueError('ran')\n")
    (tmp_path / "app.py").write_text("\n\n# another text\n")
    failure = worker.handle().failure
    assert failure is not None
    assert failure.frames[-1].text == "raise ValueError('ran')"
    assert failure.place is not None
    assert "raise ValueError('ran')" in failure.place.excerpt


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("import sys\nsys.exit(5)\n", "SystemExit", "the app exited while it was imported: sys.exit(5)"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt", ""),
        ("import nowhere\n", "ModuleNotFoundError", "No module named 'nowhere'"),
        ("def on_receive(conn, data)\n    pass\n", "SyntaxError", "expected ':'"),
        ("x = 1\n", "NoHandlers", "define on_receive(conn, data)"),
        ("def on_receive(conn): ...\n", "HandlerUnusable", "defined as on_receive(conn)"),
        ("protocol = 3\ndef on_receive(c, d): ...\n", "ProtocolUnusable", "must be Lines()"),
    ],
)
def test_an_app_that_cannot_be_imported_is_refused(
    start: Start, tmp_path: Path, source: str, kind: str, message: str
) -> None:
    """The reason reaches the Master as data, and the file to mend with it."""
    failed = refused(start(source, ready=False))
    assert (failed.failure.phase, failed.failure.type) == ("import", kind)
    assert message in failed.failure.message
    assert str(tmp_path / "app.py") in failed.paths
    if kind == "ModuleNotFoundError":
        assert str(tmp_path / "nowhere.py") in failed.paths


def test_an_attribute_that_is_not_there_is_refused(start: Start) -> None:
    """A target that names an attribute the module does not have is reported in one sentence."""
    failed = refused(start("def on_receive(c, d): ...\n", ready=False, attribute="shop"))
    assert failed.failure.type == "AttributeMissing"
    assert failed.failure.message == "app.py has no 'shop': it has on_receive"


@pytest.mark.parametrize("kind", ["", "async "])
@pytest.mark.parametrize("error", ["RuntimeError('port taken')", "SystemExit(1)"])
def test_a_failing_start_up_is_refused(start: Start, kind: str, error: str) -> None:
    """on_worker_start that raises or exits keeps the Worker from being ready, and reports why."""
    source = f"{kind}def on_worker_start(server):\n    raise {error}\n"
    failed = refused(start(source, ready=False))
    assert (failed.failure.phase, failed.failure.type) == ("start-up", error.partition("(")[0])
    assert failed.failure.place is not None
    assert failed.failure.place.line == 2


def test_a_thread_does_not_keep_a_refused_worker(start: Start) -> None:
    """A thread that the app had begun before it failed cannot hold up the refusal."""
    source = """
        import threading
        threading.Thread(target=threading.Event().wait).start()
        raise ValueError
        """
    worker = start(source, ready=False)
    assert any(isinstance(message, BootFailed) for message in worker.rest())
    assert worker.exit_code() == 128 + 14


def test_a_target_named_like_a_loaded_module_is_refused(start: Start, tmp_path: Path) -> None:
    """A file that an import can never reach is refused with the reason."""
    source = textwrap.dedent(ANSWER.format(1))
    (tmp_path / "selectors.py").write_text(source)
    failed = refused(start(None, ready=False, module="selectors"))
    assert failed.failure.type == "NameTaken"
    assert "rename selectors.py" in failed.failure.message


def test_the_app_finds_its_usual_surroundings(start: Start, tmp_path: Path) -> None:
    """sys.argv, sys.path, the working folder and .env are as without a server; what is set wins."""
    (tmp_path / ".env").write_text("FROM_DOTENV=yes\nPATH=no\n")
    worker = start(
        """
        import os, sys, asyncio
        loop = asyncio.get_event_loop()
        async def on_receive(conn, data):
            same = loop is asyncio.get_running_loop()
            conn.send(repr((sys.argv, sys.path[0], os.getcwd(), os.environ["FROM_DOTENV"],
                            os.environ["PATH"] != "no", same, type(loop).__module__)))
        """
    )
    root = str(tmp_path)
    assert (
        worker.reply()
        == repr(([f"{root}/app.py", "--fast"], root, root, "yes", True, True, "uvloop")).encode()
    )
