"""The syntax check finds what `compile()` finds, and survives what `compile()` throws."""

from __future__ import annotations

import marshal
import sys

import pytest

from devserver.common.failure import Failure
from devserver.watch.check.syntax import SyntaxChecker, decode

PATH = "/app/handlers.py"


@pytest.fixture
def checker() -> SyntaxChecker:
    return SyntaxChecker()


def failure_of(checker: SyntaxChecker, data: bytes) -> Failure:
    verdict = checker.check(PATH, data)
    assert verdict.code is None
    assert verdict.failure is not None
    assert verdict.failure.phase == "check"
    assert verdict.failure.place is not None
    return verdict.failure


def test_good_code_is_compiled_from_its_bytes(checker: SyntaxChecker) -> None:
    """The code that was checked is the code that runs, in the encoding that the file declares."""
    verdict = checker.check(PATH, "# coding: latin-1\nword = 'é'\n".encode("latin-1"))
    assert verdict.failure is None
    assert verdict.code is not None
    names: dict[str, object] = {}
    exec(marshal.loads(verdict.code), names)
    assert names["word"] == "é"


def test_a_syntax_error_has_line_column_and_source(checker: SyntaxChecker) -> None:
    """The console can show the line with a caret, as it was when it was checked."""
    failure = failure_of(checker, b"def f():\n    return 1 +\n")
    assert failure.type == "SyntaxError"
    assert failure.place is not None
    assert (failure.place.path, failure.place.line, failure.place.column) == (PATH, 2, 15)
    assert failure.place.excerpt == "def f():\n    return 1 +"


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        (b"a = 1\nb = '\0'\n", None, 2),
        (b"-" * 60_000 + b"1", None, 1),
        (b"a" + b".b" * 30_000, None, 1),
        (b"(" * 5_000, "SyntaxError", 1),
        (b"x = 1\ny = '\xff'\n", "SyntaxError", 2),
        (b"# coding: ascii\n\nx = '\xff'\n", "SyntaxError", 3),
        (b"# coding: no-such\n", "SyntaxError", 1),
        (b"# coding: rot13\n", "SyntaxError", 1),
        (b"def f():\n\tif 1:\n        pass\n", "TabError", 3),
        (b"return 1\n", "SyntaxError", 1),
    ],
)
def test_every_exception_is_a_failure(
    checker: SyntaxChecker, data: bytes, kind: str | None, line: int
) -> None:
    """Null bytes, hostile nesting and wrong encodings refuse the edit and leave the server standing."""
    failure = failure_of(checker, data)
    assert kind in (None, failure.type)
    assert failure.message
    assert failure.place is not None
    assert failure.place.line == line


def test_warnings_are_collected(checker: SyntaxChecker) -> None:
    """What the compiler warns of is shown with its line, in the order of the file."""
    data = b"x = 1\nif x is 1: pass\npattern = '\\d'\n"
    warnings = checker.check(PATH, data).warnings
    assert [(warning.path, warning.line) for warning in warnings] == [(PATH, 2), (PATH, 3)]
    assert warnings[0].category == "SyntaxWarning"
    assert "literal" in warnings[0].message


def test_the_fault_is_shown_in_its_own_encoding(checker: SyntaxChecker) -> None:
    """An excerpt of a file that is not UTF-8 can be read."""
    failure = failure_of(checker, "# coding: latin-1\ncafé = (\n".encode("latin-1"))
    assert failure.place is not None
    assert "café = (" in failure.place.excerpt
    assert decode("\ufeffé".encode()) == "é"


@pytest.mark.parametrize("broken", [False, True])
def test_a_large_file_is_compiled_in_a_child_with_the_same_result(broken: bool) -> None:
    """A file of many thousand lines does not hold up the server, and its error is the same."""
    data = b"if 1 is 1: pass\n" + b"x = 1\n" * 20_000 + (b"x = (\n" if broken else b"")
    here, child = SyntaxChecker(large=10**9), SyntaxChecker(large=1000)
    assert child.check(PATH, data).code == here.check(PATH, data).code
    assert child.check(PATH, data).failure == here.check(PATH, data).failure
    assert child.check(PATH, data).warnings or broken


def test_a_compiler_that_takes_too_long_is_ended() -> None:
    """A file that cannot be compiled in time is refused, and that is reported."""
    failure = failure_of(SyntaxChecker(large=10, deadline=0.001), b"x = 1\n" * 1000)
    assert failure.type == "CheckError"
    assert "took longer than 0.001 s" in failure.message


def test_a_compiler_that_dies_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash of the compiler refuses the edit with how it ended."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "exit 1" in failure_of(SyntaxChecker(large=10), b"x = 1\n" * 100).message
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert "could not be started" in failure_of(SyntaxChecker(large=10), b"x = 1\n" * 100).message


def test_a_stopped_checker_starts_nothing_that_lasts() -> None:
    """When the server stops, no compiler is left."""
    checker = SyntaxChecker(large=10)
    checker.stop()
    assert "SIGKILL" in failure_of(checker, b"x = 1\n" * 100).message
