"""Locating the target: what the command line names, found by looking at files, with the root to watch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devserver.cli.target import Located, locate
from devserver.common.errors import TargetError
from devserver.ipc.messages import Target


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project inside a home directory of its own."""
    home = tmp_path.resolve() / "home"
    folder = home / "project"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    return folder


def write(folder: Path, *names: str) -> None:
    """Create files whose import would fail, so that an import of one is noticed."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise AssertionError('the target was imported')\n" if name.endswith(".py") else "")


def refusal(spec: str | None, cwd: Path) -> str:
    with pytest.raises(TargetError) as caught:
        locate(spec, cwd)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_file_is_found(project: Path) -> None:
    """`devserver sample_app/handlers.py`: the folder of the file goes on the search path, then the cwd."""
    write(project, "sample_app/handlers.py", "pyproject.toml")
    file = project / "sample_app/handlers.py"
    search = (str(project / "sample_app"), str(project))
    assert locate("sample_app/handlers.py", project) == Located(
        Target("handlers", search, "", str(file)), file, project
    )


def test_a_file_may_name_an_attribute(project: Path) -> None:
    """`handlers.py:thing` serves that attribute; an absolute path and a dotted attribute do as well."""
    write(project, "handlers.py", "odd:name/handlers.py")
    assert locate("handlers.py:thing", project).target.attribute == "thing"
    assert locate(f"{project}/handlers.py:api.app", Path("/")).target.attribute == "api.app"
    assert locate("odd:name/handlers.py", project).target.attribute == ""
    assert locate("handlers.py:create_app()", project).target.attribute == "create_app"


def test_a_file_in_a_package_keeps_its_dotted_name(project: Path) -> None:
    """Relative imports in the package work, for the file is imported by its full name."""
    write(project, "src/shop/__init__.py", "src/shop/web/__init__.py", "src/shop/web/main.py")
    target = locate("src/shop/web/main.py", project).target
    assert (target.module, target.search) == ("shop.web.main", (str(project / "src"), str(project)))
    assert locate("src/shop/__init__.py", project).target.module == "shop"


def test_a_linked_file_is_the_real_one(project: Path) -> None:
    """A symbolic link to a file is watched where the file really lies."""
    write(project, "real/handlers.py")
    (project / "link.py").symlink_to(project / "real/handlers.py")
    assert locate("link.py", project).target.path == str(project / "real/handlers.py")


def test_a_module_is_found_in_the_cwd(project: Path) -> None:
    """`shop.main:app` and `shop.main` are looked up from where the command was started, and not imported."""
    write(project, "shop/__init__.py", "shop/main.py")
    assert locate("shop.main:app", project) == Located(
        Target("shop.main", (str(project),), "app"), project / "shop/main.py", project
    )
    assert locate("shop.main", project).target.attribute == ""
    assert locate("shop", project).file == project / "shop/__init__.py"
    assert not [name for name in sys.modules if name.startswith("shop")]


def test_a_module_may_lie_in_nested_folders_without_init(project: Path) -> None:
    """Namespace packages are packages."""
    write(project, "a/b/c.py")
    assert locate("a.b.c:app", project).file == project / "a/b/c.py"


def test_a_module_is_found_in_src(project: Path) -> None:
    """A project of the src layout needs no installation."""
    write(project, "src/shop/main.py")
    located = locate("shop.main:app", project)
    assert located.target.search == (str(project), str(project / "src"))
    assert located.root == project / "src"


def test_a_module_is_found_where_any_import_would(project: Path) -> None:
    """An installed app can be served too; what is watched is the folder where the work is done."""
    located = locate("wsgiref.simple_server:demo_app", project)
    assert located.file.name == "simple_server.py"
    assert located.root == project


def test_a_module_wins_over_a_folder_of_its_name(project: Path) -> None:
    """`devserver app` beside app.py and app/ means app.py, as an import would."""
    write(project, "app.py", "app/main.py")
    assert locate("app", project).file == project / "app.py"


@pytest.mark.parametrize(
    "name", ["handlers.py", "wsgi.py", "api.py", "application.py", "app/main.py", "src/server.py"]
)
def test_without_a_target_the_usual_file_is_taken(project: Path, name: str) -> None:
    """`devserver` alone finds the file that such projects have."""
    write(project, name, "other.py")
    assert locate(None, project).file == project / name


def test_the_first_usual_name_wins(project: Path) -> None:
    """handlers.py goes before app.py, and the project's own folder before app and src."""
    write(project, "app/handlers.py", "main.py", "app.py")
    assert locate(None, project).file == project / "app.py"


@pytest.mark.parametrize(
    "line",
    [
        "app = FastAPI()",
        "application: Flask = Flask(__name__)",
        "from shop.web import app",
        "def create_app(config=None):",
        "async def app(scope, receive, send):",
        "async def on_receive(conn, data):",
    ],
)
def test_a_usual_file_that_serves_wins_over_one_that_does_not(project: Path, line: str) -> None:
    """handlers.py of a web app may hold event handlers of its own, and main.py be a script."""
    write(project, "handlers.py", "main.py", "app/main.py", "wsgi.py")
    (project / "app/main.py").write_text(f"import this\n\n{line}\n")
    assert locate(None, project).file == project / "app/main.py"


def test_a_package_called_app_may_hold_the_app(project: Path) -> None:
    """app/__init__.py is served as `flask run` does, if it has an app and no usual file has."""
    write(project, "app/__init__.py", "main.py")
    assert locate(None, project).file == project / "main.py"
    (project / "app/__init__.py").write_text("def create_app():\n    pass\n")
    assert locate(None, project).target.module == "app"
    assert locate("app/", project).target.module == "app"


def django(folder: Path, settings: str = "proj.settings") -> Path:
    """Write a project as `django-admin startproject` does, as far as it counts here."""
    write(folder, "proj/__init__.py", "proj/settings.py", "proj/asgi.py", "proj/wsgi.py")
    file = folder / "manage.py"
    line = f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")\n' if settings else ""
    file.write_text(f"import os\nfrom django.core.management import execute_from_command_line\n{line}")
    return file


def test_manage_py_stands_for_its_project(project: Path) -> None:
    """`devserver manage.py` serves what `manage.py runserver` would: the settings show what that is."""
    file = django(project)
    expected = Located(Target("proj.settings", (str(project),), settings="proj.settings"), file, project)
    assert locate("manage.py", project) == expected
    assert locate(None, project) == expected


@pytest.mark.parametrize("spec", ["shop", "shop/", "shop/manage.py"])
def test_a_folder_with_manage_py_is_its_project(project: Path, spec: str) -> None:
    """The project's own folder goes on the search path, and is watched."""
    file = django(project / "shop")
    located = locate(spec, project)
    assert (located.file, located.root) == (file, project / "shop")
    assert located.target.search == (str(project / "shop"), str(project))


def test_manage_py_wins_over_the_usual_names(project: Path) -> None:
    """A Django project may have an app.py; below the cwd manage.py is found too, after what serves there."""
    file = django(project)
    (project / "app.py").write_text("app = 1\n")
    assert locate(None, project).file == file
    (project / "src").mkdir()
    file.rename(project / "src/manage.py")
    assert locate(None, project).file == project / "app.py"
    (project / "app.py").write_text("")
    assert locate(None, project).file == project / "src/manage.py"


def test_the_environment_names_the_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DJANGO_SETTINGS_MODULE wins over the text."""
    django(project, "")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.local")
    assert locate("manage.py", project).target.settings == "proj.local"


@pytest.mark.parametrize("spec", ["manage.py", None, "."])
def test_manage_py_without_settings_is_refused(project: Path, spec: str | None) -> None:
    """The sentence shows what was looked for; another usual file is served instead, unless it was named."""
    file = django(project, "")
    assert refusal(spec, project) == (
        f"{file} names no settings module: set DJANGO_SETTINGS_MODULE in it or in the environment, "
        "or name the app, as in manage.py:app"
    )
    write(project, "main.py")
    if spec is None:
        assert locate(spec, project).file == project / "main.py"


@pytest.mark.parametrize(
    "spec", ["proj/wsgi.py", "proj.wsgi", "proj.wsgi:application", "manage.py:app", ".:app"]
)
def test_a_module_of_a_django_project_is_an_ordinary_target(project: Path, spec: str) -> None:
    """A module or an attribute that is named is the one that is served."""
    django(project)
    write(project, "app.py")
    located = locate(spec, project)
    assert located.target.settings == ""
    assert located.file != project / "manage.py" or spec == "manage.py:app"


@pytest.mark.parametrize("spec", ["site/", "site", "./site", "site:thing"])
def test_a_folder_stands_for_the_usual_file_in_it(project: Path, spec: str) -> None:
    """`devserver sample_app/` serves sample_app/handlers.py."""
    write(project, "pages/main.py")
    assert locate(spec.replace("site", "pages"), project).file == project / "pages/main.py"


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "manage.py", ".git"])
def test_the_root_is_the_nearest_folder_with_a_marker(project: Path, marker: str) -> None:
    """All of the project is watched, not only the target's folder."""
    write(project, marker, "web/site/app.py", "lib/other.py")
    assert locate("web/site/app.py", project).root == project
    assert locate("../web/site/app.py", project / "lib").root == project


def test_the_root_is_not_looked_for_above_the_cwd(project: Path) -> None:
    """A stray pyproject.toml above where the command was started does not widen the watch."""
    write(project, "pyproject.toml", "play/site/app.py")
    assert locate("site/app.py", project / "play").root == project / "play/site"
    assert locate("app.py", project / "play/site").root == project / "play/site"


def test_started_inside_a_package_all_of_it_is_watched(project: Path) -> None:
    """The import root is watched even where it lies above the cwd."""
    write(project, "lib/shop/__init__.py", "lib/shop/main.py")
    located = locate("main.py", project / "lib/shop")
    assert (located.target.module, located.root) == ("shop.main", project / "lib")


def test_the_home_directory_is_never_the_root_of_what_lies_deeper(project: Path) -> None:
    """Dotfiles kept in git, or a package right in the home directory, do not make all of it watched."""
    home = project.parent
    write(home, ".git/HEAD", "shop/__init__.py", "shop/web/__init__.py", "shop/web/main.py", "single.py")
    write(project, "app.py")
    assert locate("project/app.py", home).root == project
    assert locate("shop/web/main.py", home).root == home / "shop"
    assert locate("single.py", home).root == home


def test_a_target_that_is_not_there_is_refused_in_one_sentence(project: Path) -> None:
    """The user reads what was looked for, where, and what to do."""
    assert refusal("nothing.py", project) == (
        f"there is no file {project}/nothing.py: check the path, or name a module: shop.main:app"
    )
    assert refusal("nosuch.main:app", project) == (
        f"there is no module 'nosuch.main' in {project}, in {project}/src or among the installed ones: "
        "check its name, start from the project's folder, or name a file"
    )
    assert refusal(None, project).startswith(
        "no target was given, and none of manage.py, handlers.py, app.py"
    )
    assert str(project / "src") in refusal(None, project)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            "app.py:create_app(1)",
            "'create_app(1)' in the target 'app.py:create_app(1)' is not an attribute name",
        ),
        ("app.py:()", "'' in the target 'app.py:()' is not an attribute name"),
        ("app.py:", "'' in the target 'app.py:' is not an attribute name"),
        (":app", "names no file and no module"),
        ("", "names no file and no module"),
        ("not-a-module", "neither a file in"),
        ("notes.txt", "is not a Python file"),
        ("two.dots.py", "cannot be imported"),
        ("empty/", "'empty/' is a folder, and none of"),
        ("sys", "there is no module 'sys'"),
        ("__main__", "there is no module '__main__'"),
        ("x" * 5000, "cannot be read: File name too long"),
    ],
)
def test_a_target_that_cannot_be_served_is_refused_in_one_sentence(
    project: Path, spec: str, says: str
) -> None:
    """Whatever is wrong with a target, the sentence shows which part of it."""
    write(project, "app.py", "notes.txt", "two.dots.py")
    (project / "empty").mkdir()
    assert says in refusal(spec, project)
