"""Files that first appear while code is refused: they run, so they are watched."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.harness import Client, answering, eventually, serving
from tests.http import browsing, edit


def imports(module: str) -> str:
    """Return handlers that answer each line with `WORD` of a module."""
    return answering("v").replace("'v'", "WORD").replace("protocol", f"from {module} import WORD\nprotocol")


@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["inotify", "poll"])
def test_a_package_made_after_the_refusal_is_watched(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The import comes first, then the folder and the file; each later edit of that file counts."""
    with serving(tmp_path, *options, text=answering("v0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(imports("feature.x"))
        server.wait("refused")
        (tmp_path / "feature").mkdir()
        server.save_and_wait("WORD = 'one'\n", "feature/x.py")
        for word in ("second", "third and last"):
            server.save_and_wait(f"WORD = {word!r}\n", "feature/x.py")
            assert client.ask("x") == f"{word} x"
        assert server.stop() == 0


def test_a_file_saved_while_code_was_refused_is_fresh_when_it_is_imported_much_later(tmp_path: Path) -> None:
    """It is in the snapshot, but nothing has imported it: the edit before the first import counts."""
    lazy = answering("v").replace("    conn.send('v'", "    from late.x import WORD\n    conn.send(WORD")
    with serving(tmp_path, text=answering("v0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("import missing\n")
        server.wait("refused")
        (tmp_path / "late").mkdir()
        server.save("WORD = 'one'\n", "late/x.py")
        server.wait("refused")
        server.save_and_wait(lazy)
        server.save("WORD = 'two'\n", "late/x.py")
        assert client.ask("x") == "two x"
        server.save("WORD = 'three'\n", "late/x.py")
        assert client.ask("x") == "three x"
        assert server.stop() == 0


def test_a_package_made_after_a_first_start_that_failed_is_watched(tmp_path: Path) -> None:
    """Nothing has ever run; the package cures it, and its later edits count."""
    with serving(tmp_path, text=imports("feature.x")) as server:
        server.wait("refused")
        (tmp_path / "feature").mkdir()
        server.save_and_wait("WORD = 'one'\n", "feature/x.py")
        client = Client(server.port)
        server.save_and_wait("WORD = 'two'\n", "feature/x.py")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


def test_a_package_that_was_renamed_is_watched_under_its_new_name(tmp_path: Path) -> None:
    """The rename is refused, the import that is mended then goes live, and the package's edits count."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/x.py").write_text("WORD = 'zero'\n")
    with serving(tmp_path, text=imports("old.x")) as server:
        server.wait("rolled")
        client = Client(server.port)
        (tmp_path / "old").rename(tmp_path / "new")
        server.wait("refused")
        server.save_and_wait(imports("new.x"))
        assert client.ask("x") == "zero x"
        server.save_and_wait("WORD = 'one'\n", "new/x.py")
        assert client.ask("x") == "one x"
        assert server.stop() == 0


def test_a_package_that_comes_with_a_branch_is_watched(tmp_path: Path) -> None:
    """`git checkout` while code is refused brings the package amid thousands of other files."""

    def git(*arguments: str) -> None:
        names = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "handlers.py").write_text(answering("main"))
    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "main")
    git("checkout", "-b", "topic")
    (tmp_path / "handlers.py").write_text(imports("feature.x"))
    for folder in ("feature", *(f"data{number}" for number in range(20))):
        (tmp_path / folder).mkdir()
        for number in range(100):
            (tmp_path / folder / f"file{number}.py").write_text(f"N = {number}\n")
    (tmp_path / "feature/x.py").write_text("WORD = 'topic'\n")
    git("add", ".")
    git("commit", "-m", "topic")
    git("checkout", "main")
    with serving(tmp_path) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save("import missing\n")
        server.wait("refused")
        git("checkout", "--force", "topic")
        while client.ask("x") != "topic x":
            server.wait("live")
        server.save("WORD = 'edited'\n", "feature/x.py")
        assert client.ask("x") == "edited x"
        assert server.stop() == 0


def test_a_django_app_that_is_installed_before_its_folder_is_made_is_watched(tmp_path: Path) -> None:
    """The name in INSTALLED_APPS comes first and is refused; then `startapp`, and edits of its views."""
    need("django")
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", "."], cwd=tmp_path, check=True)
    with serving(tmp_path, target="manage.py") as server, browsing(server) as client:
        server.wait("rolled")
        edit(tmp_path / "mysite/settings.py", "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'shop',")
        server.wait("refused")
        app = tmp_path / "shop"
        app.mkdir()
        (app / "__init__.py").write_text("")
        server.wait("live")
        server.save(
            "from django.http import HttpResponse\nview = lambda _: HttpResponse('one')\n", "shop/views.py"
        )
        edit(
            tmp_path / "mysite/urls.py",
            "urlpatterns = [",
            "urlpatterns = [\n    path('shop', shop.views.view),",
        )
        edit(tmp_path / "mysite/urls.py", "import admin\n", "import admin\nimport shop.views\n")
        assert client.get("/shop").text == "one"
        edit(app / "views.py", "one", "two")
        assert client.get("/shop").text == "two"
        server.save("raise ValueError('the package itself')\n", "shop/__init__.py")
        server.wait("refused")
        assert server.stop() == 0


def test_a_module_made_outside_the_root_after_the_refusal_is_noticed_and_watched(tmp_path: Path) -> None:
    """The folder that the app has put on its path is there, the module is not: making it is the cure."""
    project, shared = tmp_path / "project", tmp_path / "shared"
    project.mkdir()
    shared.mkdir()
    path = f"import sys; sys.path.append({str(shared)!r})\n"
    with serving(project, text=answering("v0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(path + imports("outside"))
        server.wait("refused")
        (shared / "outside.py").write_text("WORD = 'one'\n")
        server.wait("live")
        assert client.ask("x") == "one x"
        (shared / "outside.py").write_text("WORD = 'two'\n")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


class Mapped:
    """Writes a file through a mapping: nothing is reported while it is open, and the file looks as before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = path.stat()
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def write(self, text: bytes) -> None:
        self._map[:] = text
        os.utime(self._path, ns=(self._before.st_atime_ns, self._before.st_mtime_ns))


@pytest.mark.parametrize("receiver", ["master", "manager"])
def test_a_reload_that_is_asked_for_runs_what_is_on_the_disk(tmp_path: Path, receiver: str) -> None:
    """Though the system did not report the edit; a broken file is refused, and the good code goes on."""
    words = tmp_path / "words.py"
    words.write_text("WORD = 'one'\n")
    mapped = Mapped(words)
    with serving(tmp_path, "--workers", "1", text=imports("words")) as server:
        server.wait("rolled")
        client = Client(server.port)

        def ask_for_a_reload() -> None:
            os.kill(server.manager() if receiver == "manager" else server.process.pid, signal.SIGUSR1)

        ask_for_a_reload()
        assert server.wait("live")["paths"] == []  # the first start's files were compared with the disk
        mapped.write(b"WORD = 'two'\n")
        assert client.ask("x") == "one x"
        ask_for_a_reload()
        assert server.wait("live")["paths"] == [str(words)]
        assert client.ask("x") == "two x"
        mapped.write(b"WORD = 'two(\n")
        ask_for_a_reload()
        assert server.wait("refused")["file"] == str(words)
        assert client.ask("x") == "two x"
        mapped.write(b"WORD = 'six'\n")
        ask_for_a_reload()
        server.wait("live")
        assert client.ask("x") == "six x"
        assert server.stop() == 0


@pytest.fixture
def environment(tmp_path: Path) -> tuple[Path, Path]:
    """A virtual environment of its own, with what is installed in this one: its Python, and its packages."""
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python3*")) / "site-packages"
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join([*ours, str(Path(__file__).parents[2])]) + "\n")
    return folder / "bin/python", site


@pytest.mark.parametrize("starts", [True, False], ids=["after a save", "first start"])
@pytest.mark.parametrize("kind", ["package", "editable"])
def test_a_package_that_is_installed_after_the_refusal_is_the_cure(
    tmp_path: Path, environment: tuple[Path, Path], starts: bool, kind: str
) -> None:
    """No file of the app's changes; the refusal has announced that it is tried again."""
    python, site = environment
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    command = (str(python), "-m", "devserver")
    text = answering("v0") if starts else imports("wanted_package")
    with serving(project, text=text, command=command) as server:
        if starts:
            server.wait("rolled")
            server.save(imports("wanted_package"))
        refused = server.wait("refused")
        assert "devserver tries again" in refused["failures"][0]["message"]
        eventually("it is printed", lambda: "devserver tries again" in server.output())
        package = (site if kind == "package" else elsewhere) / "wanted_package"
        package.mkdir()
        (package / "__init__.py").write_text("WORD = 'installed'\n")
        if kind == "editable":
            (site / "wanted.pth").write_text(f"{elsewhere}\n")
        (site / "wanted_package-1.0.dist-info").mkdir()
        server.wait("live")
        assert Client(server.port).ask("x") == "installed x"
        assert server.stop() == 0


def test_a_missing_part_of_the_apps_own_package_is_nothing_to_install(tmp_path: Path) -> None:
    """Then the refusal promises nothing of the kind."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    with serving(tmp_path, text=imports("shop.missing")) as server:
        assert server.wait("refused")["failures"][0]["message"] == "No module named 'shop.missing'"
        assert server.stop() == 0
