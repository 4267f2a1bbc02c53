"""A failure as plain lines, and as JSON."""

from __future__ import annotations

import json

from devserver.common.explain import explain
from devserver.common.failure import Failure, Frame, Place
from devserver.common.failure_data import data
from devserver.common.failure_lines import lines

ONE = Failure(
    "request",
    "ValueError",
    "task 1",
    Place("/app/main.py", 3, 11, 16, "async def work(n):\n    # fails\n    raise Error(n)", 1),
    (Frame("/app/main.py", 9, "main", "await work(1)"), Frame("/app/main.py", 3, "work", "raise Error(n)")),
    notes=("while reading row 7",),
)
GROUP = Failure(
    "request",
    "ExceptionGroup",
    "2 tasks failed (2 sub-exceptions)",
    group=(ONE, Failure("request", "KeyError", "'x'", suggestion="Did you mean: 'y'?")),
    cause=Failure("request", "OSError", "first\x1b[2J"),
    handling=True,
)


def test_a_group_shows_each_of_its_exceptions() -> None:
    """Each has its source, its way, its notes; then comes what was being handled."""
    assert list(lines(explain(GROUP, "/app"))) == [
        "1 of 2: ValueError: task 1",
        "  main.py:3:11",
        "    1 | async def work(n):",
        "    2 |     # fails",
        "  > 3 |     raise Error(n)",
        "      |           ^^^^^",
        "  main.py:9 in main",
        "    await work(1)",
        "  main.py:3 in work",
        "    raise Error(n)",
        "  while reading row 7",
        "2 of 2: KeyError: 'x'. Did you mean: 'y'?",
        "raised while handling OSError: first\ufffd[2J",
    ]


def test_the_same_is_data() -> None:
    """A program gets all of it, and the whole as text."""
    found = json.loads(json.dumps(data(explain(GROUP, "/app"))))
    assert (found["type"], found["file"]) == ("ExceptionGroup", None)
    first, second = found["group"]
    assert (first["file"], first["line"], first["column"], first["end_column"]) == ("main.py", 3, 11, 16)
    assert first["notes"] == ["while reading row 7"]
    assert second["suggestion"] == "Did you mean: 'y'?"
    assert found["cause"]["relation"] == "raised while handling"
    assert "  1 of 2: ValueError: task 1\n" in found["traceback"]
