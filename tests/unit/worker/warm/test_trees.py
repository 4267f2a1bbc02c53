"""Two versions of a file, compared: pure functions of code."""

from __future__ import annotations

import pytest

from devserver.worker.warm.instructions import constant
from devserver.worker.warm.trees import Difference, Unlike, compare


def compared(old: str, new: str, *ran: str) -> Difference:
    """Compare two texts of which the functions named have run."""
    before, after = (compile(text, "sample.py", "exec") for text in (old, new))
    return compare(before, after, lambda code: code.co_name in ran)


def bodies(found: Difference) -> list[str]:
    """Return the functions whose body differs."""
    return [pair.old.co_qualname for pair in found.pairs if pair.body]


def test_nothing_differs() -> None:
    """Comments at the end are nothing."""
    text = "def f(): return 1\n"
    assert compared(text, f"{text}# so\n").pairs == []


def test_a_body_is_one_function() -> None:
    """Only that one has another body; the module, which holds it, is another too."""
    found = compared("def f(): return 1\ndef g(): return 2\n", "def f(): return 1\ndef g(): return 3\n")
    assert bodies(found) == ["g"]
    assert [pair.old.co_name for pair in found.pairs] == ["g", "<module>"]


def test_what_moved_has_no_other_body() -> None:
    """It is swapped for its lines' sake."""
    found = compared("def f(): return 1\n", "\ndef f(): return 1\n")
    assert bodies(found) == []
    assert [pair.old.co_name for pair in found.pairs] == ["f", "<module>"]


def test_a_function_that_ran_keeps_its_instructions() -> None:
    """What is in it may differ, if that did not run."""
    old = "def f():\n    def g(): return 1\n    return g\n"
    assert bodies(compared(old, old.replace("1", "2"), "f")) == ["f.<locals>.g"]
    with pytest.raises(Unlike, match=r"f.g\(\) ran at import and changed \(line 2\)"):
        compared(old, old.replace("1", "2"), "f", "g")


def test_a_function_that_never_ran_may_hold_others() -> None:
    """Nothing of them can be there."""
    found = compared("def f():\n    def g(): pass\n", "def f():\n    class A: pass\n    return A\n")
    assert bodies(found) == ["f"]


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0.0, -0.0), (1, 1.0), ((1,), (True,)), ("a", b"a"), (frozenset("a"), ("a",)), (0j, -0j)],
)
def test_constants_are_distinguished(one: object, other: object) -> None:
    """Whatever `==` makes of them."""
    assert constant(one) != constant(other)
