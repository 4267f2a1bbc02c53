"""What is imported after a save is what a restart would import, and every file that was imported reloads."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.harness import Client, DevServer, serving
from tests.http import browsing

HOOKS = {
    "beartype": "from beartype.claw import beartype_package\nbeartype_package('shop')",
    "typeguard": "from typeguard import install_import_hook\ninstall_import_hook('shop')",
    "jaxtyping": "from jaxtyping import install_import_hook\n"
    "install_import_hook('shop', 'beartype.beartype')",
}
PRICE = "def price(times: int) -> int:\n    return {} * times\n"


def handlers(answer: str, *, before: str = "", during: str = "") -> str:
    """Return handlers that answer with the value of an expression."""
    return (
        f"from devserver import Lines\nprotocol = Lines()\n{before}\n"
        f"def on_receive(conn, data):\n{during}\n    conn.send(str({answer}) + '\\n')\n"
    )


def write(folder: Path, **files: str) -> None:
    """Write files; `__` in a name stands for a folder's end."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of installed packages that is on the path."""
    folder = tmp_path / "env/site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder that the server is started in."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def kill_the_worker(server: DevServer) -> None:
    """Have the Workers replaced from the live snapshot."""
    for worker, pid in server.workers().items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        server.wait("worker-exited", worker=worker)
    server.wait("worker-ready")


@pytest.mark.parametrize("hook", HOOKS)
def test_saves_go_live_behind_an_import_hook_of_another_package(project: Path, hook: str) -> None:
    """The app's modules reload, its broken saves are refused, and the hook's checks go on."""
    need(hook)
    checks = (
        "    try:\n        price('x')\n        kept = 'unchecked'\n"
        "    except Exception:\n        kept = 'checked'"
    )
    text = handlers(
        "f'{price(1)} {kept}'", before=f"{HOOKS[hook]}\nfrom shop.price import price", during=checks
    )
    (project / "shop").mkdir()
    (project / "shop/__init__.py").write_text("")
    (project / "shop/price.py").write_text(PRICE.format(1))
    with serving(project, "--workers", "1", text=text) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "1 checked"
        server.save_and_wait(PRICE.format(2), "shop/price.py")
        assert client.ask("x") == "2 checked"
        server.save("def price(:\n", "shop/price.py")
        server.wait("refused", live=2)
        kill_the_worker(server)
        assert client.ask("x") == "2 checked"
        server.save_and_wait(PRICE.format(3), "shop/price.py")
        assert client.ask("x") == "3 checked"


def test_a_save_in_a_namespace_package_of_which_another_part_is_installed(
    project: Path, installed: Path
) -> None:
    """`acme.web` here and `acme.core` from pip are one package after each save, also in a request."""
    (installed / "acme/data").mkdir(parents=True)
    (installed / "acme/core.py").write_text("NAME = 'core'\n")
    (installed / "acme/later.py").write_text("NAME = 'later'\n")
    (installed / "acme/data.txt").write_text("data")
    (project / "acme").mkdir()
    (project / "acme/web.py").write_text("from acme import core\nVALUE = '1 ' + core.NAME\n")
    during = (
        "    from acme import later\n    from importlib.resources import files\n"
        "    text = files('acme').joinpath('data.txt').read_text()"
    )
    text = handlers("f'{VALUE} {later.NAME} {text}'", before="from acme.web import VALUE", during=during)
    with serving(project, text=text) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "1 core later data"
        server.save_and_wait("from acme import core\nVALUE = '2 ' + core.NAME\n", "acme/web.py")
        assert client.ask("x") == "2 core later data"


def test_a_namespace_package_grows_with_the_path(project: Path) -> None:
    """What is appended to sys.path after the first import of a namespace package belongs to it."""
    write(project, ns__a="A = 1\n", late__ns__b="B = 'b'\n")
    before = "import sys, ns.a\nsys.path.append('late')\nimport ns.b"
    with serving(project, text=handlers("f'{ns.a.A} {ns.b.B}'", before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        for number in (2, 3):
            server.save_and_wait(f"A = {number}\n", "ns/a.py")
            assert client.ask("x") == f"{number} b"


def test_an_installed_module_is_not_taken_for_an_own_file_of_its_name(project: Path, installed: Path) -> None:
    """The app appends a folder that has a redis.py; what is installed goes on importing the other one."""
    (installed / "redis.py").write_text("def connect():\n    return 'installed'\n")
    (installed / "queueing.py").write_text("import redis\nVALUE = redis.connect()\n")
    write(project, core__redis="import queueing\nVALUE = 'own'\n", value="VALUE = 1\n")
    before = (
        "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'core'))\n"
        "import core.redis, queueing, value"
    )
    with serving(project, text=handlers("f'{value.VALUE} {queueing.VALUE}'", before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        server.save_and_wait("VALUE = 2\n", "value.py")
        assert client.ask("x") == "2 installed"


def a_compiled_module() -> Path:
    """Return some extension module of the standard library's that is a file."""
    for name in ("_bisect", "_heapq", "_json", "_struct", "_zoneinfo", "_ctypes"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.has_location and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES)):
            return Path(str(spec.origin))
    pytest.skip("the standard library's extension modules are built in")


def test_a_compiled_module_hides_the_source_beside_it_and_reloads_when_it_is_rebuilt(project: Path) -> None:
    """After a save the compiled one still runs; a new build of it is a save; without it the source runs."""
    library = a_compiled_module()
    name = library.name.partition(".")[0]
    compiled = project / "fast" / library.name
    write(project, value="VALUE = 1\n", **{f"fast__{name[1:]}": ""})
    (project / f"fast/{name}.py").write_text("")
    (project / "fast/__init__.py").write_text("")
    shutil.copy(library, compiled)
    before = f"import os, value\nfrom fast import {name} as fast"
    answer = "f'{value.VALUE} {os.path.basename(fast.__file__)}'"
    with serving(project, text=handlers(answer, before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == f"1 {library.name}"
        server.save_and_wait("VALUE = 2\n", "value.py")
        assert client.ask("x") == f"2 {library.name}"
        rebuilt = compiled.with_suffix(".new")
        rebuilt.write_bytes(library.read_bytes() + b"rebuilt")
        rebuilt.rename(compiled)
        assert server.wait("live")["paths"] == [str(compiled)]
        compiled.unlink()
        server.wait("live")
        assert client.ask("x") == f"2 {name}.py"
        shutil.copy(library, compiled)
        server.wait("live")
        assert client.ask("x") == f"2 {library.name}"


def test_an_archive_that_comes_first_on_the_path_stays_first_and_reloads(project: Path) -> None:
    """A zip wins over a file of the same name, after each save; a new one is a save."""

    def archive(value: str) -> None:
        with zipfile.ZipFile(project / "new.zip", "w") as file:
            file.writestr("zipped.py", f"VALUE = {value!r}\n")
        (project / "new.zip").rename(project / "lib.zip")

    archive("zip")
    write(project, zipped="VALUE = 'file'\n", value="VALUE = 1\n")
    before = "import sys\nsys.path.insert(0, 'lib.zip')\nimport zipped, value"
    with serving(project, text=handlers("f'{value.VALUE} {zipped.VALUE}'", before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        server.save_and_wait("VALUE = 2\n", "value.py")
        assert client.ask("x") == "2 zip"
        archive("a much longer one, so that every offset in the archive differs")
        server.wait("live")
        assert client.ask("x").startswith("2 a much longer one")


def test_a_package_made_beside_a_module_of_its_name_is_what_runs(project: Path) -> None:
    """Python prefers the package: the save of its first file goes live; without it the module is back."""
    write(project, value="VALUE = 'module'\n")
    with serving(project, text=handlers("value.VALUE", before="import value")) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "module"
        server.save_and_wait(handlers("value.VALUE + '!'", before="import value"))
        (project / "value").mkdir()
        server.save("VALUE = 'package'\n", "value/__init__.py")
        server.wait("live")
        assert client.ask("x") == "package!"
        shutil.rmtree(project / "value")
        server.wait("live")
        assert client.ask("x") == "module!"


def test_a_new_file_in_a_folder_on_the_path_hides_what_is_installed(project: Path, installed: Path) -> None:
    """The folder is watched for it, though nothing was ever imported from there."""
    (installed / "tool.py").write_text("NAME = 'installed'\n")
    (project / "plugins").mkdir()
    before = "import sys\nsys.path.insert(0, 'plugins')\nimport tool"
    with serving(project, text=handlers("tool.NAME", before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "installed"
        server.save("NAME = 'own'\n", "plugins/tool.py")
        server.wait("live")
        assert client.ask("x") == "own"
        (project / "plugins/tool.py").unlink()
        server.wait("live")
        assert client.ask("x") == "installed"


def test_a_folder_that_was_missing_becomes_a_package(project: Path) -> None:
    """An app that does without an optional module gets it when its folder is made."""
    before = "try:\n    from extra import one\n    NAME = one.NAME\nexcept ImportError:\n    NAME = 'none'"
    with serving(project, text=handlers("NAME", before=before)) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "none"
        (project / "extra").mkdir()
        server.save("NAME = 'extra'\n", "extra/one.py")
        server.wait("live")
        assert client.ask("x") == "extra"


def test_a_project_in_a_folder_whose_name_cannot_be_decoded(tmp_path: Path) -> None:
    """Its first start, its saves and its refusals work, and are reported."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        (folder / "shop").mkdir(parents=True)
    except OSError:
        pytest.skip("the file system takes only names that can be decoded")
    (folder / "shop/__init__.py").write_text("")
    (folder / "shop/price.py").write_text("PRICE = 1\n")
    (folder / "main.py").write_text(
        "from shop.price import PRICE\n"
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'%d' % PRICE})\n"
    )
    with serving(folder, target="main.py") as server, browsing(server) as client:
        server.wait("ready")
        assert client.get("/").text == "1"
        server.save_and_wait("PRICE = 2\n", "shop/price.py")
        assert client.get("/").text == "2"
        server.save("PRICE = ((\n", "shop/price.py")
        refused = server.wait("refused", live=2)
        assert refused["file"].endswith("/caf\\udce9/shop/price.py")
        assert client.get("/").text == "2"
        server.save_and_wait("PRICE = 3\n", "shop/price.py")
        assert client.get("/").text == "3"
        server.save("PRICE = 1 / 0\n", "shop/price.py")
        server.wait("refused")
        assert server.stop() == 0
        assert "shop/price.py" in server.output()
        assert "Traceback (most recent call last)" not in server.output()
    (folder / "shop/price.py").write_text("PRICE = ((\n")
    with serving(folder, target="main.py") as server, browsing(server) as client:
        server.wait("refused")
        for accept in ("text/html", "application/json", "text/plain"):
            answer = client.get("/", headers={"accept": accept})
            assert (answer.status_code, "shop/price.py" in answer.text) == (503, True)
        server.save_and_wait("PRICE = 4\n", "shop/price.py")
        assert client.get("/").text == "4"
