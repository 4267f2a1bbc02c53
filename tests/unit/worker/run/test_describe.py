"""Exceptions as data: what Python knows of them arrives."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.common.failure import Failure, opening
from devserver.worker.run.describe import MOST_EXCEPTIONS, MOST_FRAMES, describe
from tests.frameworks import need


@pytest.fixture
def failing(tmp_path: Path) -> Callable[[str], Failure]:
    """Return what runs source as the file app.py, and describes what it raises."""

    def run(source: str) -> Failure:
        path = tmp_path / "app.py"
        path.write_text(source)
        linecache.checkcache()
        try:
            exec(compile(source, str(path), "exec"), {"__name__": "app"})
        except BaseException as error:
            return describe(error, "request", (__file__,))
        raise AssertionError("it did not fail")

    return run


def test_the_sub_exceptions_of_a_group_are_kept(failing: Callable[[str], Failure]) -> None:
    """A failing TaskGroup names each of its tasks' errors, with their own frames."""
    failure = failing(
        "import asyncio\n"
        "async def work(n):\n"
        "    raise ValueError(f'task {n}')\n"
        "async def main():\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(work(1))\n"
        "        group.create_task(work(2))\n"
        "asyncio.run(main())\n"
    )
    assert failure.type == "ExceptionGroup"
    assert [each.message for each in failure.group] == ["task 1", "task 2"]
    assert [each.place and each.place.line for each in failure.group] == [3, 3]


def test_notes_are_kept(failing: Callable[[str], Failure]) -> None:
    """What add_note added stands in the failure."""
    failure = failing("e = ValueError('x')\ne.add_note('while reading row 7')\nraise e\n")
    assert failure.notes == ("while reading row 7",)


@pytest.mark.parametrize(
    ("source", "suggestion"),
    [
        ("total = 1\nprint(totl)\n", "Did you mean: 'total'?"),
        ("'x'.uper()\n", "Did you mean: 'upper'?"),
        ("from json import lods\n", "Did you mean: 'loads'?"),
        ("json.dumps(1)\n", "Did you forget to import 'json'?"),
        (
            "class A:\n    def __init__(self):\n        self.rows = []\n        print(rows)\nA()\n",
            "Did you mean: 'self.rows'?",
        ),
        ("print(zzzzqqqq)\n", ""),
        ("class A:\n    def __dir__(self): raise OSError\nA().x\n", ""),
    ],
)
def test_a_name_that_is_nearly_right_is_suggested(
    failing: Callable[[str], Failure], source: str, suggestion: str
) -> None:
    """On every version of Python the failure shows which name was meant."""
    assert failing(source).suggestion == suggestion


def test_the_part_of_the_line_that_failed_is_marked(failing: Callable[[str], Failure]) -> None:
    """The columns are those of the expression, in characters, also behind letters of several bytes."""
    failure = failing("def f(d):\n    return 'ä' + d['key']['x']\nf({'key': {}})\n")
    assert failure.place
    line = "    return 'ä' + d['key']['x']"
    assert line[failure.place.column - 1 : failure.place.end_column - 1] == "d['key']['x']"
    frame = failure.frames[-1]
    assert frame.text[frame.column - 1 : frame.end_column - 1] == "d['key']['x']"


def test_the_place_is_the_apps_own_last_line(failing: Callable[[str], Failure]) -> None:
    """What fails within the standard library is shown where the app called it."""
    failure = failing("import json\n\njson.loads('{')\n")
    assert failure.place
    assert (Path(failure.place.path).name, failure.place.line) == ("app.py", 3)
    assert failure.frames[-1].path.endswith("decoder.py")


def test_the_cause_shows_how_it_came_about(failing: Callable[[str], Failure]) -> None:
    """`raise … from` is distinguished from an exception that was raised while another was handled."""
    meant = failing("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e\n")
    assert meant.cause
    assert not meant.handling
    slip = failing("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k')\n")
    assert slip.cause
    assert slip.handling


def test_source_that_is_in_no_file_is_noted(failing: Callable[[str], Failure]) -> None:
    """A SyntaxError of text that the app compiles points at the app's line and quotes the text."""
    failure = failing("x = 1\ncompile('a b', '<rule>', 'eval')\n")
    assert failure.place
    assert failure.place.line == 2
    assert failure.notes == ("in <rule>, line 1: a b",)


def test_a_hostile_exception_is_described(failing: Callable[[str], Failure]) -> None:
    """An exception whose text, notes and attributes raise is a failure like any other."""
    failure = failing(
        "class E(Exception):\n"
        "    def __str__(self): raise OSError\n"
        "    __notes__ = [object()]\n"
        "    filename = 7\n"
        "    lineno = 'x'\n"
        "    template_debug = {'name': None}\n"
        "raise E\n"
    )
    assert failure.message == "<its __str__ raised OSError>"
    assert failure.place
    assert failure.place.line == 7


def test_size_is_bounded(failing: Callable[[str], Failure]) -> None:
    """Endless recursion, chains and groups make a failure of bounded size."""
    deep = failing("import sys\nsys.setrecursionlimit(9000)\ndef f(): f()\nf()\n")
    assert len(deep.frames) <= MOST_FRAMES
    wide = failing("raise ExceptionGroup('many', [ValueError(i) for i in range(500)])\n")
    assert len(wide.group) == MOST_EXCEPTIONS - 1


def test_a_jinja_template_is_the_place(tmp_path: Path) -> None:
    """What fails in a template points at the template's line; what does not parse, too."""
    need("jinja2")
    import jinja2

    (tmp_path / "page.html").write_text("<p>\n{{ 1 / 0 }}\n")
    (tmp_path / "open.html").write_text("<p>\n\n{{ 1 / 0 \n")
    found = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path))
    for name, line in (("page.html", 2), ("open.html", 4)):
        try:
            found.get_template(name).render()
        except Exception as error:
            place = describe(error, "request").place
        assert place
        assert (Path(place.path).name, place.column) == (name, 0)
        assert place.line in (line, line - 1)


def test_a_django_template_is_the_place(tmp_path: Path) -> None:
    """Django's own word on where a template failed is believed, and its tag is marked."""
    path = tmp_path / "page.html"
    path.write_text("<p>\n  {{ a|dat:'x' }}\n")
    error = ValueError("Invalid filter: 'dat'")
    error.template_debug = {"name": str(path), "line": 2, "during": "{{ a|dat:'x' }}"}  # type: ignore[attr-defined]
    place = describe(error, "request").place
    assert place
    assert (place.path, place.line, place.column, place.end_column) == (str(path), 2, 3, 18)


@pytest.mark.parametrize(
    ("source", "first", "quotes"),
    [
        ('x = 1\n"""\nit\'s "text"\n"""\ny = 2\n', 4, '"""'),
        ('x = 1\n"""\ntext\n"""\ny = 2\n', 5, ""),
        ('# a """ in a comment\nx = \'"""\'\ny = 1\n', 3, ""),
        ("'''\n\\'''\n text\n'''\n", 3, "'''"),
        ("", 1, ""),
    ],
)
def test_an_excerpt_knows_the_string_in_which_it_begins(source: str, first: int, quotes: str) -> None:
    """What lies within a docstring is coloured as a string though its quotes are out of sight."""
    assert opening(source, first) == quotes
