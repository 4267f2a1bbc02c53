"""Values that an edit gives to names, found in the source alone."""

from __future__ import annotations

import ast

import pytest

from devserver.worker.warm.literals import alike, exchange


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1", "2"),
        ("1", "True"),
        ("0.0", "-0.0"),
        ("(1, 'a')", "[1, 'a']"),
        ("{'a': [1]}", "{'a': [2], 'b': {3}}"),
        ("60 * 60", "24 * 60 * 60 - 1"),
    ],
)
def test_a_plain_value_is_exchanged(old: str, new: str) -> None:
    """What is compared has the old value at the new place."""
    tree = ast.parse(f"\n\nX: int = {new}\n")
    (found,) = exchange(f"X: int = {old}\n".encode(), tree)
    assert (found.name, found.old, found.new) == ("X", eval(old), eval(new))
    assert ast.unparse(tree) == ast.unparse(ast.parse(f"X: int = {old}"))
    assert {getattr(node, "lineno", 3) for node in ast.walk(tree)} == {3}


@pytest.mark.parametrize(
    "value", ["f()", "[*a]", "{**a}", "f'{a}'", "1 / 0", "{[]: 1}", "2 ** 9", "'a' * 9", "a", "x if 1 else 2"]
)
def test_what_runs_code_or_raises_is_not_plain(value: str) -> None:
    """It is left where it is, whichever of the two it is."""
    for old, new in ((value, "1"), ("1", value)):
        assert exchange(f"X = {old}\n".encode(), ast.parse(f"X = {new}\n")) == []


@pytest.mark.parametrize("line", ["X = Y = {}", "X, Y = {}, 1", "x.X = {}", "if 1:\n    X = {}", "X += {}"])
def test_only_one_name_at_module_level_is_exchanged(line: str) -> None:
    """Other bindings run again."""
    assert exchange(line.format(1).encode(), ast.parse(line.format(2))) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("a", b"a"),
        ((1,), [1]),
        ((1, 2), (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1}, {True}),
        ({1}, {2}),
        (None, 0),
    ],
)
def test_values_that_can_be_told_apart_are_not_alike(one: object, other: object) -> None:
    """Types, signs and orders count."""
    assert not alike(one, other)
    assert alike(one, one)
    assert alike([one, {"a": (other,)}], [one, {"a": (other,)}])
