"""What makes an edit, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.common.errors import UsageError
from devserver.watch.scope.filters import Filters, Interest, gitignore_of

CODE, DATA, NONE = Interest.CODE, Interest.DATA, Interest.NONE


@pytest.fixture
def filters() -> Filters:
    filters = Filters(
        "/app", also=["*.yaml", "/etc/*.conf"], exclude=["gen/", "*_pb2.py"], gitignore=["build/"]
    )
    filters.attend("/app/main.py")
    filters.attend("/app/shop/cart.py")
    filters.attend("/lib/tools/own.py")
    return filters


@pytest.mark.parametrize(
    ("path", "interest"),
    [
        ("/app/main.py", CODE),
        ("/app/local_settings.py", CODE),
        ("/app/shop/new.py", CODE),
        ("/lib/tools/beside.py", CODE),
        ("/app/scripts/unused.py", NONE),
        ("/lib/other.py", NONE),
        ("/app/page.html", DATA),
        ("/app/shop/mail.j2", DATA),
        ("/app/shop/templates/notes.txt", DATA),
        ("/app/templates/skeleton.py", DATA),
        ("/app/.env", DATA),
        ("/app/shop/.env", NONE),
        ("/app/pyproject.toml", DATA),
        ("/app/shop/pyproject.toml", NONE),
        ("/app/shop/conf.yaml", DATA),
        ("/app/etc/x.conf", DATA),
        ("/app/shop/etc/x.conf", NONE),
        ("/app/data.sqlite-wal", NONE),
        ("/app/server.log", NONE),
    ],
)
def test_what_matters(filters: Filters, path: str, interest: Interest) -> None:
    """Running modules, files beside them, templates, settings and what was asked for make an edit."""
    assert filters.interest(path) is interest


@pytest.mark.parametrize(
    "name", ["main.py~", ".main.py.swp", ".#main.py", "4913", "main.py.tmp", "#main.py#"]
)
@pytest.mark.parametrize("folder", ["/app/", "/app/templates/"])
def test_editors_own_files_do_not_matter(filters: Filters, folder: str, name: str) -> None:
    """The backup and swap files of an editor cause no reload."""
    assert filters.interest(folder + name) is NONE


@pytest.mark.parametrize(
    "folder",
    [
        ".git",
        ".venv",
        "node_modules",
        "shop/__pycache__",
        "build",
        "build/lib",
        "gen",
        ".mypy_cache",
        "a/.tox/b",
    ],
)
def test_ignored_folders(filters: Filters, folder: str) -> None:
    """What is installed, cached, built or excluded is not watched."""
    assert not filters.is_watched(f"/app/{folder}")
    assert filters.interest(f"/app/{folder}/page.html") is NONE


def test_a_virtual_environment_by_any_name(filters: Filters) -> None:
    """A folder with a pyvenv.cfg is left out, from the moment that this is known."""
    assert filters.is_watched("/app/env311/lib")
    filters.mark_venv("/app/env311", found=True)
    assert not filters.is_watched("/app/env311/lib")
    filters.mark_venv("/app/env311", found=False)
    assert filters.is_watched("/app/env311/lib")


def test_a_running_module_matters_wherever_it_lies(filters: Filters) -> None:
    """Code that runs from an ignored folder is reloaded all the same; what lies deeper stays ignored."""
    assert filters.attend("/app/build/lib/made.py")
    assert filters.interest("/app/build/lib/made.py") is CODE
    assert filters.interest("/app/build/lib/beside.py") is CODE
    assert filters.interest("/app/build/lib/deeper/page.html") is NONE
    assert not filters.is_reached("/app/build/lib")


def test_exclude_beats_running(filters: Filters) -> None:
    """What --exclude names never reloads, even if it runs."""
    assert not filters.attend("/app/shop/cart_pb2.py")
    assert filters.interest("/app/shop/cart_pb2.py") is NONE
    assert not filters.attend("/app/gen/made.py")


def test_everything_while_nothing_runs(filters: Filters) -> None:
    """While the code is broken, any Python file under the root may be the cure."""
    filters.everything = True
    assert filters.interest("/app/scripts/unused.py") is CODE
    assert filters.interest("/app/.venv/lib/x.py") is NONE
    assert filters.interest("/app/gen/x.py") is NONE
    assert filters.interest("/lib/other.py") is NONE


def test_a_root_below_a_folder_named_templates() -> None:
    """Only what lies under the root shows what a file is."""
    assert Filters("/home/templates/app").interest("/home/templates/app/x.txt") is NONE


def test_the_root_of_the_file_system() -> None:
    """Even / can be a root."""
    filters = Filters("/")
    assert filters.interest("/srv/page.html") is DATA
    assert filters.interest("/srv/node_modules/page.html") is NONE


def test_an_invalid_pattern() -> None:
    """A wrong pattern is named in one sentence."""
    with pytest.raises(UsageError, match=r"--exclude '!' is not a valid pattern"):
        Filters("/app", exclude=["!"])


def test_gitignore_is_read_with_its_faults(tmp_path: Path) -> None:
    """Comments, blank lines and broken patterns of a .gitignore do no harm."""
    (tmp_path / ".gitignore").write_bytes(b"# made\n\nbuild/\n!\n\xff\n")
    filters = Filters(str(tmp_path), gitignore=gitignore_of(str(tmp_path)))
    assert not filters.is_watched(f"{tmp_path}/build")
    assert gitignore_of(str(tmp_path / "nowhere")) == []


@given(
    st.lists(
        st.sampled_from(["a", "b", ".git", "build", "node_modules", "templates"]), min_size=1, max_size=5
    )
)
def test_nothing_below_an_ignored_folder_is_watched(parts: list[str]) -> None:
    """One ignored folder on the way is enough, and no other reason leaves a folder out."""
    filters = Filters("/app", gitignore=["build/"])
    ignored = bool({".git", "build", "node_modules"} & set(parts))
    assert filters.is_watched("/app/" + "/".join(parts)) is not ignored


def test_what_is_attended_is_code_only_if_it_is_python_that_runs() -> None:
    """Settings of another kind, extension modules, and source that is merely read are not compiled."""
    filters = Filters("/app")
    for name in ("run.py", "fast.so", "shown.py"):
        filters.attend(f"/app/{name}")
    filters.as_data.add("/app/shown.py")
    found = [filters.interest(f"/app/{name}") for name in ("run.py", "fast.so", "shown.py", "beside.py")]
    assert found == [Interest.CODE, Interest.DATA, Interest.DATA, Interest.CODE]


@pytest.mark.parametrize("option", ["also", "exclude"])
def test_a_pattern_that_leads_out_of_the_root(option: str) -> None:
    """It could never match: that is reported at once, with what is watched."""
    with pytest.raises(UsageError, match=rf"--{option} '\.\./x' can match nothing: only files under /app"):
        Filters("/app", **{option: ["../x"]})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/app/static/css/main.css", True),
        ("/app/web/logo.svg", True),
        ("/app/static/index.html", True),
        ("/app/shop/public/help/page.htm", True),
        ("/app/data/numbers.json", True),  # --assets
        ("/app/data/numbers.csv", False),
        ("/app/page.html", False),
        ("/app/static.html", False),
        ("/app/templates/static/page.html", False),
        ("/app/templates/page.css", False),
        ("/app/static/script.py", False),
        ("/app/static/.main.css.swp", False),
        ("/app/static/main.css~", False),
        ("/app/node_modules/a/a.css", False),
        ("/app/build/a.css", False),
        ("/elsewhere/a.css", False),
        ("/app/used.css", False),  # the app reads it by itself
        ("/app/also.svg", False),  # --also
        ("/app/gen/a.css", False),
    ],
)
def test_what_only_browsers_show_is_an_asset(path: str, expected: bool) -> None:
    """It makes no edit; what the app itself uses, or the user names, does."""
    filters = Filters("/app", ["also.svg"], ["gen/"], ["build/"], ["data/*.json"])
    filters.attend("/app/used.css")
    is_asset = filters.interest(path) is NONE and filters.is_asset(path)
    assert is_asset is expected


def test_a_pattern_of_assets_that_is_invalid_is_refused() -> None:
    """As those of the others are."""
    with pytest.raises(UsageError, match="--assets"):
        Filters("/app", assets=["../x"])


def test_further_folders_are_watched_as_the_root_is() -> None:
    """Templates, globs and modules that may be a cure matter there; the root's .gitignore is not theirs."""
    filters = Filters("/app", ["*.yml"], ["gen/"], ["build/"], further=["/lib", "/app/inside", "/app/venv"])
    assert filters.roots == ("/app", "/lib", "/app/venv")
    assert filters.interest("/lib/sub/a.html") is filters.interest("/lib/conf.yml") is DATA
    assert filters.interest("/lib/templates/a.txt") is DATA
    assert filters.interest("/lib/sub/m.py") is filters.interest("/elsewhere/m.html") is NONE
    filters.everything = True
    assert filters.interest("/lib/sub/m.py") is filters.interest("/lib/build/m.py") is CODE
    assert filters.interest("/lib/gen/m.py") is filters.interest("/lib/.git/m.py") is NONE
    assert filters.interest("/app/venv/m.py") is CODE  # ignored, and asked for by name
    assert filters.interest("/lib/pyproject.toml") is NONE
