"""The pages name what exists: a path, a test or a symbol that was renamed is renamed in docs/ too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.names_in_docs import ROOT, dead_names, leads_somewhere

HISTORY = "CHANGELOG.md"
"""It tells of what was."""
PAGES = [ROOT / "README.md", *sorted(page for page in ROOT.glob("docs/*.md") if page.name != HISTORY)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_what_exists(page: Path) -> None:
    """Each path, test and symbol in `code` is found in the sources."""
    dead = [f"{page.name}:{line} names `{name}`" for line, name in dead_names(page.read_text("utf-8"))]
    assert not dead, "no such path, test or symbol (tests/names_in_docs.py has the forms):\n" + "\n".join(
        dead
    )


@pytest.mark.parametrize(
    "name",
    [
        "manager/fleet.py",
        "devserver/manager/",
        "ARCHITECTURE.md",
        "manager/fleet.py:Fleet.handle",
        "fleet.handle",
        "Fleet.handle",
        "devserver.config.ProcessConfig.drain",
        "test_docs",
        "WorkerForked",
        "os.environ",
        "--drain",
    ],
)
def test_a_name_that_exists_is_found(name: str) -> None:
    """Every form of a name that a page may use is understood; what is no name is let pass."""
    assert leads_somewhere(name)


@pytest.mark.parametrize(
    "name",
    [
        "manager/flotilla.py",
        "wire/",
        "HISTORY.md",
        "flotilla.py",
        "manager/fleet.py:Fleet.renamed",
        "fleet.renamed",
        "Fleet.renamed",
        "flotilla.handle",
        "devserver.config.ProcessConfig.renamed",
        "test_renamed",
        "WorkerRenamed",
        "_renamed_function",
    ],
)
def test_a_name_that_was_renamed_is_reported(name: str) -> None:
    """Whatever part of a name has changed, the page is red."""
    assert not leads_somewhere(name)


def test_the_report_shows_where() -> None:
    """The line is the page's, though blocks of code are passed over."""
    page = "# Title\n\n```\n`wire/`\n```\n\nSee `wire/` and `manager/`.\n"
    assert list(dead_names(page)) == [(7, "wire/")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the project leads to one."""
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_checks_run_tests_that_exist() -> None:
    """A renamed test file is renamed in .ci/run too: else the checks end before the tests."""
    named = re.findall(r"tests/\w+/test_(?:\{[\w,]+\}|\w+)\.py", (ROOT / ".ci" / "run").read_text("utf-8"))
    paths = [path for each in named for path in _expanded(each)]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def _expanded(pattern: str) -> list[str]:
    """Return what a shell makes of a path with one pair of braces."""
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    return [f"{before}{each}{after}" for each in inside.split(",")] if brace else [pattern]
